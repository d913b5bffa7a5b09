// Package ocelot lets an existing Gazelle control this tracker as it controls Ocelot:
// GET /{site password}/update?action=… and /{report password}/report?get=…, with the
// same parameters and the "success" that Gazelle waits for.
//
// With it, Gazelle decides who the members are and which torrents, tokens and clients
// there are. The tables that this package owns (ocelot_*) replace the house's own
// members and catalogue. What Gazelle sends is written there, with an event that the
// roster follows, in one transaction before it is answered. So it survives a restart,
// and nothing is read from Gazelle's own tables. deploy/gazelle/import.sql copies the
// data of an existing site once. Passkeys are stored in plain text, as Gazelle has
// them in users_main.
//
// This differs from Ocelot: a partial update changes what it names and nothing else.
// Unknown actions, malformed parameters and updates of things that do not exist are
// answered with a failure, not with "success". Removing something that does not exist
// is a success, because Gazelle repeats a request when the answer was lost. The reason
// of a deletion is kept for 30 days and across restarts. Expired tokens are not
// reported to the site's tools.php: a token is valid until Gazelle removes it.
// "visible" is stored but has no effect, because no addresses are written to the
// database.
//
// If several trackers share the torrents, Gazelle talks to one of them. The others
// follow the same events, but learn Gazelle's announce interval only when they start.
//
// Nothing is written to Gazelle's tables either. The sums are in ours (see
// tracker/ledger), under Gazelle's ids. deploy/gazelle/sums.sql shows how Gazelle can
// read them on the same MariaDB:
//
//	transfer_member.uploaded, downloaded     users_main.Uploaded, Downloaded (deltas, by trigger)
//	transfer_torrent.snatches                torrents.Snatched (deltas, by trigger)
//	swarm_count.seeders, leechers            torrents.Seeders, Leechers (by trigger)
//	transfer_member_torrent                  xbt_files_users, one row for each member and torrent (view)
//	transfer_member_torrent.snatched_at > 0  xbt_snatched (view)
//
// Concurrency: a Store and a Server are safe for concurrent use. Updates are processed
// one after the other.
package ocelot
