"""How a device that was registered comes by its certificate: with a key of the device, over HTTPS, once."""
