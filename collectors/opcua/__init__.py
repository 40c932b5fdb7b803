"""OPC UA: subscriptions on any server, with our own publish handling on asyncua's sessions and security."""
