"""What screens watch: topics, the hub that shares one encoding of them, and the stream that carries it."""
