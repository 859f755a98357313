"""Lines that stations keep open: SL 651 over TCP and MQTT."""
