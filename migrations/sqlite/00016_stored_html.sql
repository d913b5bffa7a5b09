-- +goose Up
-- internal/catalog: what came of the Markdown of descriptions and notes, and the version
-- of the renderer that made it: 0 for none yet, -v where version v could not. A job
-- renders what is old, so nothing is rendered here.
ALTER TABLE torrent_group ADD COLUMN description_html TEXT NOT NULL DEFAULT '';
ALTER TABLE torrent_group ADD COLUMN description_renderer BIGINT NOT NULL DEFAULT 0;
CREATE INDEX torrent_group_renderer ON torrent_group (description_renderer);
ALTER TABLE torrent ADD COLUMN description_html TEXT NOT NULL DEFAULT '';
ALTER TABLE torrent ADD COLUMN description_renderer BIGINT NOT NULL DEFAULT 0;
CREATE INDEX torrent_renderer ON torrent (description_renderer);

-- +goose Down
DROP INDEX torrent_renderer;
ALTER TABLE torrent DROP COLUMN description_renderer;
ALTER TABLE torrent DROP COLUMN description_html;
DROP INDEX torrent_group_renderer;
ALTER TABLE torrent_group DROP COLUMN description_renderer;
ALTER TABLE torrent_group DROP COLUMN description_html;
