"""The files of other programs, written from one device's network settings: hostapd, dnsmasq, nft, sysctl."""
