-- +goose Up
-- Each statement looks before it acts, so that a migration that was interrupted can
-- be run again.
-- internal/member: how a class is drawn, and what it asks of whoever is to have it: bytes
-- uploaded, a ratio in thousandths, uploads, and seconds since joining. 0 asks nothing.
ALTER TABLE class ADD COLUMN IF NOT EXISTS colour VARCHAR(16) NOT NULL DEFAULT '';
ALTER TABLE class ADD COLUMN IF NOT EXISTS asks_uploaded BIGINT NOT NULL DEFAULT 0;
ALTER TABLE class ADD COLUMN IF NOT EXISTS asks_ratio BIGINT NOT NULL DEFAULT 0;
ALTER TABLE class ADD COLUMN IF NOT EXISTS asks_uploads BIGINT NOT NULL DEFAULT 0;
ALTER TABLE class ADD COLUMN IF NOT EXISTS asks_age BIGINT NOT NULL DEFAULT 0;

-- Whoever may run jobs may change what classes are.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'class.manage' FROM class_permission WHERE permission = 'job.manage'
ON DUPLICATE KEY UPDATE permission = VALUES(permission);

-- +goose Down
DELETE FROM class_permission WHERE permission = 'class.manage';
ALTER TABLE class DROP COLUMN asks_age;
ALTER TABLE class DROP COLUMN asks_uploads;
ALTER TABLE class DROP COLUMN asks_ratio;
ALTER TABLE class DROP COLUMN asks_uploaded;
ALTER TABLE class DROP COLUMN colour;
