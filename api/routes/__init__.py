"""One file per subject: what is on the wire, and which action or read answers it."""
