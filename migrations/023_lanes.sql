-- Mail hosts that the running server slowed down for or leaves alone for a while, noted so that other processes can
-- tell: the lanes themselves live in its memory. Emptied at its start and at its stop.
--
-- circuit   closed, open (nobody connects), half open (one connection tries)
-- pace      step of slowness, 0 for none
-- reason    what the host said, or what failed there
-- noted_at  epoch milliseconds

CREATE TABLE outbound_lanes (
    host TEXT PRIMARY KEY,
    circuit TEXT NOT NULL CHECK (circuit IN ('closed', 'open', 'half open')),
    pace INTEGER NOT NULL,
    reason TEXT NOT NULL,
    noted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
