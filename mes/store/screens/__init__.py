"""Reads for screens, topics and exports: one file per page, no writes.

`show_wall(conn, plant, at)` and its like answer a page's whole image at one instant of plant time. The web's types
are generated from these dataclasses (`dashboards/types.py`), so a field named here is a field named there.
"""
