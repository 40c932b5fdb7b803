"""Programs that speak for machines, people and an ERP, over the wire only."""
