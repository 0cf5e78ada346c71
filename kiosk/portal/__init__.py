"""The BYOD captive portal: what a phone meets before, while and after it is on-line.

The web process (`quietbell portal`) holds no key of the device, learns no hardware address and has no privilege; the
gate (`quietbell gate`) alone may change the firewall; the kiosk process alone seals and saves a report.
"""
