-- +goose Up
-- internal/audit: what an act was done to, and what its taking back rests on. Rows
-- are only ever inserted.
ALTER TABLE audit ADD COLUMN subject TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN undo_state TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN undoes BIGINT NOT NULL DEFAULT 0;
CREATE INDEX audit_subject ON audit (subject, id);
CREATE INDEX audit_undoes ON audit (undoes);

-- internal/command: acts that wait for somebody, such as for a confirmation.
CREATE TABLE pending_act (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL,
    actor      TEXT NOT NULL,
    code       TEXT NOT NULL,
    line       TEXT NOT NULL,
    state      TEXT NOT NULL,
    undoes     BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX pending_act_code ON pending_act (actor, code);
CREATE INDEX pending_act_expires ON pending_act (expires_at);

-- +goose Down
DROP TABLE pending_act;
DROP INDEX audit_undoes;
DROP INDEX audit_subject;
ALTER TABLE audit DROP COLUMN undoes;
ALTER TABLE audit DROP COLUMN undo_state;
ALTER TABLE audit DROP COLUMN subject;
