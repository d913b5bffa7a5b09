-- What each room may do, table by table, and nothing more: a room that is taken
-- over can't read or change what it has no business with. Run it after
-- "caduceus init" has made the tables, and again after each upgrade:
--   mariadb caduceus < grants.sql
--
-- The end-to-end tests run the five rooms with these very grants.

-- What an older release was granted is taken back first: stop the rooms before.
REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'caduceus-tracker'@'localhost', 'caduceus-site'@'localhost', 'caduceus-ircd'@'localhost', 'caduceus-hermes'@'localhost', 'caduceus-jobs'@'localhost', 'caduceus-backup'@'localhost';

-- Every room looks at the schema's version, reads the event log and keeps the
-- place up to which it has read. None but jobs may delete events.
GRANT SELECT ON goose_db_version TO 'caduceus-tracker'@'localhost', 'caduceus-site'@'localhost', 'caduceus-ircd'@'localhost', 'caduceus-hermes'@'localhost', 'caduceus-jobs'@'localhost';
GRANT SELECT ON event TO 'caduceus-tracker'@'localhost', 'caduceus-site'@'localhost', 'caduceus-ircd'@'localhost', 'caduceus-hermes'@'localhost', 'caduceus-jobs'@'localhost';
GRANT SELECT, INSERT, UPDATE ON event_cursor TO 'caduceus-tracker'@'localhost', 'caduceus-ircd'@'localhost', 'caduceus-hermes'@'localhost', 'caduceus-jobs'@'localhost';

-- Decisions that no two may take at once are taken in turn.
GRANT SELECT, INSERT, UPDATE ON turn TO 'caduceus-tracker'@'localhost', 'caduceus-site'@'localhost', 'caduceus-ircd'@'localhost', 'caduceus-hermes'@'localhost', 'caduceus-jobs'@'localhost';

-- Each process writes a row of its own to see whether changes are taken.
GRANT SELECT, INSERT, UPDATE ON write_probe TO 'caduceus-tracker'@'localhost', 'caduceus-site'@'localhost', 'caduceus-ircd'@'localhost', 'caduceus-hermes'@'localhost', 'caduceus-jobs'@'localhost';

-- Whoever reads events sets aside those that it can't handle, and all append events:
-- at least the one that tells staff so. Staff have them handled again by a command.
GRANT SELECT, INSERT, UPDATE, DELETE ON event_skipped TO 'caduceus-tracker'@'localhost', 'caduceus-ircd'@'localhost', 'caduceus-hermes'@'localhost', 'caduceus-jobs'@'localhost';
GRANT SELECT, UPDATE, DELETE ON event_skipped TO 'caduceus-site'@'localhost';
GRANT SELECT, UPDATE ON event_sequence TO 'caduceus-tracker'@'localhost', 'caduceus-site'@'localhost', 'caduceus-ircd'@'localhost', 'caduceus-hermes'@'localhost', 'caduceus-jobs'@'localhost';
GRANT INSERT ON event TO 'caduceus-tracker'@'localhost', 'caduceus-site'@'localhost', 'caduceus-ircd'@'localhost', 'caduceus-hermes'@'localhost', 'caduceus-jobs'@'localhost';

-- tracker: knows members, classes, torrents, clients and freeleech; writes transfer
-- only.
GRANT SELECT ON member TO 'caduceus-tracker'@'localhost';
GRANT SELECT ON member_cause TO 'caduceus-tracker'@'localhost';
GRANT SELECT ON class TO 'caduceus-tracker'@'localhost';
GRANT SELECT ON torrent TO 'caduceus-tracker'@'localhost';
GRANT SELECT ON client_rule TO 'caduceus-tracker'@'localhost';
GRANT SELECT ON leech_window TO 'caduceus-tracker'@'localhost';
GRANT SELECT, INSERT, UPDATE ON transfer_member TO 'caduceus-tracker'@'localhost';
GRANT SELECT, INSERT, UPDATE ON transfer_torrent TO 'caduceus-tracker'@'localhost';
GRANT SELECT, INSERT, UPDATE ON transfer_member_torrent TO 'caduceus-tracker'@'localhost';
GRANT SELECT, INSERT, UPDATE ON swarm_count TO 'caduceus-tracker'@'localhost';
GRANT SELECT, INSERT, UPDATE ON ledger_mark TO 'caduceus-tracker'@'localhost';
GRANT DELETE ON event_cursor TO 'caduceus-tracker'@'localhost'; -- of one that is retired
GRANT SELECT, INSERT, UPDATE, DELETE ON ocelot_member TO 'caduceus-tracker'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON ocelot_torrent TO 'caduceus-tracker'@'localhost';
GRANT SELECT, INSERT, DELETE ON ocelot_token TO 'caduceus-tracker'@'localhost';
GRANT SELECT, INSERT, DELETE ON ocelot_client TO 'caduceus-tracker'@'localhost';
GRANT SELECT, INSERT, UPDATE ON ocelot_setting TO 'caduceus-tracker'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON announce_record TO 'caduceus-tracker'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON tracker_minute TO 'caduceus-tracker'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON tracker_hour TO 'caduceus-tracker'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON tracker_unknown TO 'caduceus-tracker'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON swarm_watch TO 'caduceus-tracker'@'localhost';
GRANT SELECT, INSERT, UPDATE ON swarm_watch_mark TO 'caduceus-tracker'@'localhost';

-- ircd: who may log in, and its own channels.
GRANT SELECT ON member TO 'caduceus-ircd'@'localhost';
GRANT SELECT ON member_class TO 'caduceus-ircd'@'localhost';
GRANT SELECT ON member_cause TO 'caduceus-ircd'@'localhost';
GRANT SELECT ON class TO 'caduceus-ircd'@'localhost';
GRANT SELECT ON class_permission TO 'caduceus-ircd'@'localhost';
GRANT SELECT, INSERT, UPDATE ON irc_channel TO 'caduceus-ircd'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON irc_message TO 'caduceus-ircd'@'localhost';
GRANT SELECT, INSERT, UPDATE ON irc_setting TO 'caduceus-ircd'@'localhost';
GRANT SELECT, INSERT, UPDATE ON irc_certificate TO 'caduceus-ircd'@'localhost';
GRANT SELECT ON irc_certificate TO 'caduceus-site'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON irc_marker TO 'caduceus-ircd'@'localhost';

GRANT SELECT, INSERT, DELETE ON irc_mask TO 'caduceus-ircd'@'localhost';
GRANT INSERT ON audit TO 'caduceus-ircd'@'localhost';
GRANT SELECT, UPDATE ON member_certificate TO 'caduceus-ircd'@'localhost';
GRANT SELECT ON member_nick TO 'caduceus-ircd'@'localhost';
-- It recognises keys in what people say, by their keyed hashes.
GRANT SELECT (member_id, token_mac) ON api_token TO 'caduceus-ircd'@'localhost';
GRANT SELECT (member_id, token_mac) ON session TO 'caduceus-ircd'@'localhost';

-- Whoever asks for secrets counts the tries. Every process writes whom it refuses most.
GRANT SELECT, INSERT, UPDATE, DELETE ON guess TO 'caduceus-site'@'localhost', 'caduceus-ircd'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_worst TO 'caduceus-tracker'@'localhost', 'caduceus-site'@'localhost', 'caduceus-ircd'@'localhost', 'caduceus-hermes'@'localhost', 'caduceus-jobs'@'localhost';

-- Bans: whoever lets people in reads them, and staff change them by commands and as
-- operators of IRC. The jobs seal what an older release did not.
GRANT SELECT ON ban TO 'caduceus-tracker'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON ban TO 'caduceus-site'@'localhost', 'caduceus-ircd'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, UPDATE (value, sealed, slot) ON ban TO 'caduceus-jobs'@'localhost';

-- Who logs in, and whose keys change, is in the security log. What is there is counted
-- and never rewritten; jobs alone may delete what is too old.
GRANT SELECT, INSERT ON member_mark TO 'caduceus-site'@'localhost';
GRANT SELECT, INSERT, UPDATE ON security_log TO 'caduceus-site'@'localhost', 'caduceus-ircd'@'localhost', 'caduceus-hermes'@'localhost';

-- Commands are run on the site and through Hermes; the two may do what commands do.
-- Rows of the audit log are never changed.
GRANT SELECT, DELETE ON irc_message TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON irc_marker TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, UPDATE ON irc_setting TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON irc_channel TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, DELETE ON irc_mask TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, DELETE ON member_certificate TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, DELETE ON member_nick TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, UPDATE ON member TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON member_class TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, UPDATE ON member_cause TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, UPDATE ON member_note TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON class TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, DELETE ON class_permission TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, DELETE ON session TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, DELETE ON api_token TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON category TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON term TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON term_extension TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON category_term TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, UPDATE ON torrent_group TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON group_live TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, UPDATE ON catalog_sum TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON creator TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON group_creator TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON tag TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON group_tag TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON group_literature TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, DELETE ON group_word TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, UPDATE ON torrent TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, DELETE ON torrent_content TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON torrent_mirror TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON client_rule TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, UPDATE ON leech_window TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, UPDATE ON page TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT ON page_revision TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON transfer_member TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON transfer_torrent TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON transfer_member_torrent TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON swarm_count TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON announce_record TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON tracker_minute TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON tracker_hour TO 'caduceus-site'@'localhost';
GRANT SELECT ON tracker_unknown TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON swarm_watch TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON swarm_watch_mark TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT ON job_request TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON job_run TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT ON audit TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON setting TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON setting TO 'caduceus-jobs'@'localhost';
GRANT SELECT, INSERT, UPDATE ON one_time_link TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, UPDATE ON invite TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, UPDATE ON invite_stock TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, UPDATE ON member_inviter TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT ON branch_cause TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, UPDATE ON application_question TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, UPDATE ON application TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON application_answer TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT ON application_note TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, DELETE ON pending_act TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
-- Members read what they were told; staff tell them something by a command.
GRANT SELECT, INSERT, UPDATE ON notification TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT INSERT ON delivery TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT ON notify_choice TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT INSERT, UPDATE, DELETE ON notify_choice TO 'caduceus-site'@'localhost';

-- What people write to staff, who answer by commands; jobs writes the letters and forgets what
-- is long over.
GRANT SELECT, UPDATE (state, assignee_id, changed_at, answered_at, closed_at) ON support_ticket TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT ON support_message TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT INSERT ON support_ticket TO 'caduceus-site'@'localhost';
GRANT SELECT, DELETE, UPDATE (network_mac) ON support_ticket TO 'caduceus-jobs'@'localhost';
GRANT SELECT, DELETE ON support_message TO 'caduceus-jobs'@'localhost';

-- Letters are put into the queue by all three, and looked after by commands; what is in them only
-- jobs can read, which sends them and deletes the rows.
GRANT SELECT (id, once_mac, to_mac, member_id, kind, bulk, state, kept, tries, next_at, last_error, created_at, ended_at), INSERT,
  UPDATE (state, kept, box, tries, next_at, last_error, created_at, ended_at) ON mail TO 'caduceus-site'@'localhost', 'caduceus-hermes'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON mail TO 'caduceus-jobs'@'localhost';

-- Who has lost the passphrase: staff make links by commands, members use links and codes on
-- the site, and jobs writes the letters.
GRANT INSERT ON recovery_request TO 'caduceus-site'@'localhost';
GRANT SELECT, INSERT, DELETE ON recovery_code TO 'caduceus-site'@'localhost';
GRANT SELECT, DELETE ON recovery_request TO 'caduceus-jobs'@'localhost';
GRANT UPDATE (email_mac, email_failed_at, email_failed_why, email_new_box, email_new_at) ON member TO 'caduceus-jobs'@'localhost';
GRANT INSERT ON one_time_link TO 'caduceus-jobs'@'localhost';
GRANT INSERT, UPDATE ON security_log TO 'caduceus-jobs'@'localhost';

-- site: besides what commands do, whoever joins, logs in, uploads and edits.
GRANT INSERT ON application TO 'caduceus-site'@'localhost';
GRANT INSERT ON application_answer TO 'caduceus-site'@'localhost';
GRANT SELECT, INSERT ON rules_accepted TO 'caduceus-site'@'localhost';
GRANT INSERT, DELETE ON member_class TO 'caduceus-site'@'localhost';
GRANT INSERT, UPDATE ON session TO 'caduceus-site'@'localhost';
GRANT INSERT, UPDATE ON api_token TO 'caduceus-site'@'localhost';
GRANT INSERT ON torrent_group TO 'caduceus-site'@'localhost';
GRANT INSERT, UPDATE, DELETE ON creator TO 'caduceus-site'@'localhost';
GRANT INSERT, UPDATE, DELETE ON group_creator TO 'caduceus-site'@'localhost';
GRANT INSERT, UPDATE, DELETE ON tag TO 'caduceus-site'@'localhost';
GRANT INSERT, UPDATE, DELETE ON group_tag TO 'caduceus-site'@'localhost';
GRANT INSERT, UPDATE, DELETE ON group_literature TO 'caduceus-site'@'localhost';
GRANT INSERT, UPDATE ON group_word TO 'caduceus-site'@'localhost';
GRANT INSERT ON torrent TO 'caduceus-site'@'localhost';
GRANT INSERT, UPDATE ON torrent_content TO 'caduceus-site'@'localhost';
GRANT INSERT, UPDATE, DELETE ON torrent_mirror TO 'caduceus-site'@'localhost';
GRANT SELECT, INSERT, UPDATE ON torrent_file TO 'caduceus-site'@'localhost';
GRANT SELECT, INSERT, UPDATE ON torrent_folder TO 'caduceus-site'@'localhost';
GRANT SELECT, INSERT, UPDATE ON torrent_place TO 'caduceus-site'@'localhost';
GRANT SELECT, INSERT ON torrent_meta TO 'caduceus-site'@'localhost';

-- jobs: scheduled work.
GRANT SELECT, UPDATE (skeleton, irc_key_mac) ON member TO 'caduceus-jobs'@'localhost';
GRANT SELECT ON class_permission TO 'caduceus-jobs'@'localhost';
GRANT SELECT ON class TO 'caduceus-jobs'@'localhost';
GRANT SELECT ON member_class TO 'caduceus-jobs'@'localhost';
GRANT SELECT ON member_cause TO 'caduceus-jobs'@'localhost';
GRANT SELECT, UPDATE (skeleton) ON member_nick TO 'caduceus-jobs'@'localhost';
GRANT SELECT, DELETE ON session TO 'caduceus-jobs'@'localhost';
GRANT SELECT, UPDATE, DELETE ON one_time_link TO 'caduceus-jobs'@'localhost';
GRANT SELECT, UPDATE (mail_box), DELETE ON invite TO 'caduceus-jobs'@'localhost';
GRANT SELECT (member_id, network_mac, at), UPDATE (network_mac) ON member_inviter TO 'caduceus-jobs'@'localhost';
GRANT SELECT, UPDATE (mail_box, mail_mac, place_mac, network_mac, name) ON application TO 'caduceus-jobs'@'localhost';
GRANT SELECT (application_id), DELETE ON application_answer TO 'caduceus-jobs'@'localhost';
GRANT SELECT (application_id), DELETE ON application_note TO 'caduceus-jobs'@'localhost';
GRANT SELECT ON leech_window TO 'caduceus-jobs'@'localhost';
GRANT SELECT, INSERT ON leech_notice TO 'caduceus-jobs'@'localhost';
GRANT SELECT (id, description, description_renderer), UPDATE (description_html, description_renderer) ON torrent_group TO 'caduceus-jobs'@'localhost';
GRANT SELECT (id, description, description_renderer), UPDATE (description_html, description_renderer) ON torrent TO 'caduceus-jobs'@'localhost';
GRANT SELECT (id, revision, renderer), UPDATE (html, renderer) ON page TO 'caduceus-jobs'@'localhost';
GRANT SELECT (page_id, revision, source) ON page_revision TO 'caduceus-jobs'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON job_run TO 'caduceus-jobs'@'localhost';
GRANT SELECT, DELETE ON job_request TO 'caduceus-jobs'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON lease TO 'caduceus-jobs'@'localhost';
GRANT SELECT, UPDATE (place), DELETE ON security_log TO 'caduceus-jobs'@'localhost';
GRANT SELECT, DELETE ON member_note TO 'caduceus-jobs'@'localhost';
GRANT DELETE ON event TO 'caduceus-jobs'@'localhost';
GRANT SELECT, UPDATE (words_version) ON torrent_group TO 'caduceus-jobs'@'localhost';
GRANT SELECT (id, group_id, name, deleted_at, folder_count), UPDATE (folder_count) ON torrent TO 'caduceus-jobs'@'localhost';
GRANT SELECT ON torrent_file TO 'caduceus-jobs'@'localhost';
GRANT SELECT, UPDATE (seeders, snatches) ON group_live TO 'caduceus-jobs'@'localhost';
GRANT SELECT (torrent_id, seeders) ON swarm_count TO 'caduceus-jobs'@'localhost';
GRANT SELECT (torrent_id, snatches) ON transfer_torrent TO 'caduceus-jobs'@'localhost';
GRANT SELECT, INSERT, UPDATE ON torrent_folder TO 'caduceus-jobs'@'localhost';
GRANT SELECT, INSERT, UPDATE ON torrent_place TO 'caduceus-jobs'@'localhost';
GRANT SELECT ON category TO 'caduceus-jobs'@'localhost';
GRANT SELECT ON creator TO 'caduceus-jobs'@'localhost';
GRANT SELECT ON group_creator TO 'caduceus-jobs'@'localhost';
GRANT SELECT ON tag TO 'caduceus-jobs'@'localhost';
GRANT SELECT ON group_tag TO 'caduceus-jobs'@'localhost';
GRANT SELECT ON group_literature TO 'caduceus-jobs'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON group_word TO 'caduceus-jobs'@'localhost';
-- What members are told is written and sent by jobs, from the event log.
GRANT SELECT, INSERT, UPDATE, DELETE ON notification TO 'caduceus-jobs'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON delivery TO 'caduceus-jobs'@'localhost';
GRANT SELECT ON notify_choice TO 'caduceus-jobs'@'localhost';
GRANT SELECT (id, group_id, uploader_id, deleted_at, deleted_by, delete_reason) ON torrent TO 'caduceus-jobs'@'localhost';
GRANT SELECT (id, title) ON torrent_group TO 'caduceus-jobs'@'localhost';

-- backup: sees everything, and notes in the history of jobs how it went.
GRANT SELECT ON * TO 'caduceus-backup'@'localhost';
GRANT INSERT, UPDATE ON job_run TO 'caduceus-backup'@'localhost';
GRANT UPDATE ON event_sequence TO 'caduceus-backup'@'localhost';
GRANT INSERT ON event TO 'caduceus-backup'@'localhost';
