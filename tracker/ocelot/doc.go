// Package ocelot lets an existing Gazelle drive this tracker as it drives Ocelot:
// GET /{site password}/update?action=… and /{report password}/report?get=…, with
// the parameters, the order of things and the "success" that Gazelle waits for.
//
// With it, Gazelle is the truth: members, torrents, tokens and the whitelist are
// what it has said, and the tables that this package owns (ocelot_*) take the
// place of the house's own members and catalogue. What Gazelle says is written
// there, with an event that the roster follows, in one transaction before it is
// answered; so it survives a restart, and nothing is read from Gazelle's own
// tables. What an existing site has already is copied in once by
// deploy/gazelle/import.sql. Passkeys lie in the table as plainly as Gazelle has
// them in users_main.
//
// What differs from Ocelot: a partial update changes what it names and nothing
// else; unknown actions, malformed parameters and updates of things that are not
// there are answered with a failure, not with "success"; taking away what is not
// there (any more) is a success, as Gazelle repeats what it has heard no answer to;
// deleted torrents keep their reason for 30 days, and over a restart. Tokens that
// ran out are not reported to the site's tools.php: a token holds until Gazelle
// takes it away. "visible" is kept, but means nothing here, as no addresses are
// written to the database.
//
// Where several trackers share the torrents, Gazelle speaks to one of them; the
// others follow the same events, but learn its announce interval when they start.
//
// Nothing is written to Gazelle's tables either. The sums are in ours (see
// tracker/ledger), under Gazelle's ids, and deploy/gazelle/sums.sql shows how to
// let it read them on the same MariaDB:
//
//	transfer_member.uploaded, downloaded     users_main.Uploaded, Downloaded (deltas, by trigger)
//	transfer_torrent.snatches                torrents.Snatched (deltas, by trigger)
//	swarm_count.seeders, leechers            torrents.Seeders, Leechers (by trigger)
//	transfer_member_torrent                  xbt_files_users, one row for each member and torrent (view)
//	transfer_member_torrent.snatched_at > 0  xbt_snatched (view)
//
// Concurrency: a Store and a Server are safe for concurrent use. Updates are taken
// one after the other.
package ocelot
