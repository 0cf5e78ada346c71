"""The gate: the one process that may change the firewall. Knows phones; knows no page, no policy and no word."""
