-- When calendar objects occur, so that a time range is answered without reading objects (RFC 4791 §9.9).
--
-- occurrences       one row for each time that an object is in: every one of what ends soon, those of a window around
--                   now of what goes on. since, until: epoch milliseconds, a range from start to end meets it where
--                   start < until and end > since. class: how long it is, + 4 where the time floats (then both are the
--                   wall clock read as UTC); queries look only as far back as the longest of a class
-- occurrence_gaps   objects of which the rows do not say everything: those not looked at yet (all NULL), and those that
--                   go on outside of indexed_from … indexed_until; first_at, last_at: all there is is between them,
--                   NULL where nobody knows
--
-- A changed object loses its rows at once and has a gap instead, whoever changes it: what the rows say is never wrong.

CREATE TABLE occurrences (
    member_id INTEGER NOT NULL REFERENCES calendar_events(id) ON DELETE CASCADE,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    collection_id INTEGER NOT NULL,
    class INTEGER NOT NULL CHECK (class BETWEEN 0 AND 7),
    PRIMARY KEY (member_id, since, until)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_occurrences_time ON occurrences(collection_id, class, since, until);

CREATE TABLE occurrence_gaps (
    member_id INTEGER PRIMARY KEY REFERENCES calendar_events(id) ON DELETE CASCADE,
    collection_id INTEGER NOT NULL,
    first_at INTEGER,
    last_at INTEGER,
    indexed_from INTEGER,
    indexed_until INTEGER
) STRICT;

CREATE INDEX idx_occurrence_gaps_collection
    ON occurrence_gaps(collection_id, first_at, last_at, indexed_from, indexed_until);
CREATE INDEX idx_occurrence_gaps_until ON occurrence_gaps(indexed_until);

INSERT INTO occurrence_gaps (member_id, collection_id) SELECT id, calendar_id FROM calendar_events;

CREATE TRIGGER calendar_events_gap_insert AFTER INSERT ON calendar_events BEGIN
    INSERT INTO occurrence_gaps (member_id, collection_id) VALUES (NEW.id, NEW.calendar_id);
END;
CREATE TRIGGER calendar_events_gap_update AFTER UPDATE OF icalendar_data ON calendar_events
    WHEN NEW.icalendar_data IS NOT OLD.icalendar_data BEGIN
    DELETE FROM occurrences WHERE member_id = NEW.id;
    INSERT OR REPLACE INTO occurrence_gaps (member_id, collection_id) VALUES (NEW.id, NEW.calendar_id);
END;
CREATE TRIGGER calendar_events_gap_move AFTER UPDATE OF calendar_id ON calendar_events BEGIN
    UPDATE occurrences SET collection_id = NEW.calendar_id WHERE member_id = NEW.id;
    UPDATE occurrence_gaps SET collection_id = NEW.calendar_id WHERE member_id = NEW.id;
END;
