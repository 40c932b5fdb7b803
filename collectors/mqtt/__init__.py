"""MQTT: JSON and bare payloads from any broker."""
