-- +goose Up
-- Each statement looks before it acts, so that a migration that was interrupted can
-- be run again.
-- internal/audit: what an act was done to, and what its taking back rests on. Rows
-- are only ever inserted.
ALTER TABLE audit
    ADD COLUMN IF NOT EXISTS subject VARCHAR(80) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS undo_state VARCHAR(64) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS undoes BIGINT NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS audit_subject ON audit (subject, id);
CREATE INDEX IF NOT EXISTS audit_undoes ON audit (undoes);

-- internal/command: acts that wait for somebody, such as for a confirmation.
CREATE TABLE IF NOT EXISTS pending_act (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    kind       VARCHAR(16) NOT NULL,
    actor      VARCHAR(96) NOT NULL,
    code       VARCHAR(16) NOT NULL,
    line       VARCHAR(2048) NOT NULL,
    state      VARCHAR(64) NOT NULL,
    undoes     BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    UNIQUE KEY pending_act_code (actor, code),
    KEY pending_act_expires (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Down
DROP TABLE pending_act;
DROP INDEX audit_undoes ON audit;
DROP INDEX audit_subject ON audit;
ALTER TABLE audit DROP COLUMN undoes;
ALTER TABLE audit DROP COLUMN undo_state;
ALTER TABLE audit DROP COLUMN subject;
