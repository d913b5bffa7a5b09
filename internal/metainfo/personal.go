package metainfo

import "fmt"

// Download says what a member's own copy of a torrent contains around the info
// dictionary.
type Download struct {
	Announce [][]string // tiers of announce URLs (BEP 12); the first URL is also written alone
	Comment  string     // "" keeps what the file says
	WebSeeds []string   // nil keeps what the file says, empty writes none
}

// Personal writes a member's download from sanitized data. It copies the info
// dictionary and the piece layers unchanged, so the info-hash stays. It fails only if
// data does not come from Sanitize or Build.
func Personal(data []byte, d Download) ([]byte, error) {
	spans, err := topLevel(data)
	if err != nil {
		return nil, fmt.Errorf("a stored .torrent can't be read: %w", err)
	}
	if spans["info"] == nil {
		return nil, fmt.Errorf("a stored .torrent has no info dictionary")
	}
	o := outer{announce: d.Announce, comment: d.Comment, webSeeds: d.WebSeeds, layers: spans["piece layers"]}
	kept := map[string]node{}
	for _, key := range []string{"comment", "created by", "creation date", "url-list"} {
		if raw := spans[key]; raw != nil {
			const most = 200
			if kept[key], _, err = parse(raw, most); err != nil {
				return nil, fmt.Errorf("a stored .torrent can't be read: %s: %w", key, err)
			}
		}
	}
	o.createdBy = string(kept["created by"].str())
	o.creationDate, _ = kept["creation date"].num()
	if d.Comment == "" {
		o.comment = string(kept["comment"].str())
	}
	if d.WebSeeds == nil {
		for n := range kept["url-list"].items() {
			o.webSeeds = append(o.webSeeds, string(n.str()))
		}
	}
	return fileBytes(o, spans["info"]), nil
}

// topLevel finds the values of the outermost dictionary, without parsing what is
// inside them.
func topLevel(data []byte) (map[string][]byte, error) {
	p := &parser{data: data}
	if len(data) < 2 || data[0] != 'd' {
		return nil, p.errorf("it is not a dictionary")
	}
	spans := make(map[string][]byte, 8)
	for p.pos = 1; p.pos < len(data) && data[p.pos] != 'e'; {
		key, _, err := p.str()
		if err != nil {
			return nil, err
		}
		start := p.pos
		if err := p.skip(); err != nil {
			return nil, err
		}
		spans[string(key)] = data[start:p.pos]
	}
	return spans, p.close()
}
