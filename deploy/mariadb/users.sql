-- The database, its owner, and one user for each room. Run once, as MariaDB's
-- root:  mariadb < users.sql
--
-- Nobody has a password: MariaDB asks the system who is at the other end of its
-- socket. The owner is for whoever runs "caduceus init", "migrate" and "do" as
-- the system user caduceus; the rooms run as users of their own (sysusers.d).
CREATE DATABASE IF NOT EXISTS caduceus CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE USER IF NOT EXISTS 'caduceus'@'localhost' IDENTIFIED VIA unix_socket;
GRANT ALL ON caduceus.* TO 'caduceus'@'localhost';

CREATE USER IF NOT EXISTS 'caduceus-tracker'@'localhost' IDENTIFIED VIA unix_socket;
CREATE USER IF NOT EXISTS 'caduceus-site'@'localhost' IDENTIFIED VIA unix_socket;
CREATE USER IF NOT EXISTS 'caduceus-ircd'@'localhost' IDENTIFIED VIA unix_socket;
CREATE USER IF NOT EXISTS 'caduceus-hermes'@'localhost' IDENTIFIED VIA unix_socket;
CREATE USER IF NOT EXISTS 'caduceus-jobs'@'localhost' IDENTIFIED VIA unix_socket;
-- For the nightly backup, which reads every table.
CREATE USER IF NOT EXISTS 'caduceus-backup'@'localhost' IDENTIFIED VIA unix_socket;
