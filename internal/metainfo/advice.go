package metainfo

// adviceFor says what makes a .torrent too large, and what to do about it. data may be
// cut off.
func adviceFor(data []byte) string {
	pieces, list, rest := bulk(data)
	switch {
	case list >= pieces && list >= rest:
		return "; most of it is the list of its files: pack many small files into archives"
	case pieces >= rest:
		return "; most of it is the hashes of its pieces: choose larger pieces"
	}
	return "; most of it is neither the list of its files nor the hashes of its pieces: make it again with a current client"
}

// bulk adds up the bytes of the hashes of pieces, of the list of files, and of all else.
// A string that is cut off counts as long as it says that it is.
func bulk(data []byte) (pieces, list, rest int) {
	m := meter{parser{data: data}}
	m.each(func(key string, from int) {
		switch key {
		case "info":
			m.each(func(key string, from int) {
				switch n := m.span(from); key {
				case "pieces":
					pieces += n
				case "files", "file tree":
					list += n
				default:
					rest += n
				}
			})
		case "piece layers":
			pieces += m.span(from)
		default:
			rest += m.span(from)
		}
	})
	return pieces, list, rest
}

// meter reads on where a value is cut off or wrong, as if it ended there.
type meter struct{ parser }

// each calls f for each key of the dictionary that begins here, with where its value
// begins. f reads the value.
func (m *meter) each(f func(key string, from int)) {
	if m.pos >= len(m.data) || m.data[m.pos] != 'd' {
		m.span(m.pos)
		return
	}
	for m.pos++; m.pos < len(m.data) && m.data[m.pos] != 'e'; {
		key, _, err := m.str()
		if err != nil {
			m.pos = len(m.data)
			return
		}
		f(string(key), m.pos)
	}
	m.pos++
}

// span passes over the value that begins here and returns how long it is.
func (m *meter) span(from int) int {
	if err := m.skip(); err == nil {
		return m.pos - from
	}
	length := 0 // of the string that is cut off
	for at := m.pos; at < len(m.data) && m.data[at] >= '0' && m.data[at] <= '9' && length < 1<<40; at++ {
		length = 10*length + int(m.data[at]-'0')
	}
	n := max(m.pos-from+length, len(m.data)-from)
	m.pos = len(m.data)
	return n
}
