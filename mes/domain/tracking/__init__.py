"""What happened on the floor: device words and what people said become states, counts, jobs, stops and times.

Pure and whole: `fold.Fold` takes where it stood and what was heard, and answers booked rows and where it stands now.
Live booking, late data and replay are the same call. Instants are integers, microseconds since 1970 UTC; a piece is
an integer. Read `fold.py` first, then `counts.py` and `states.py`.
"""
