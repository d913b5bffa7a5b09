// Package wiretest reads trackers' replies as the strictest client would: for
// tests only.
//
// Concurrency: functions only.
package wiretest

import (
	"errors"
	"fmt"
	"strconv"
)

// Decode reads one canonical bencoded value: string, int64, []any or
// map[string]any. Keys out of order or doubled, numbers with leading zeros and
// trailing bytes are errors (BEP 3).
func Decode(data []byte) (any, error) {
	d := decoder{data: data}
	v, err := d.value(0)
	if err == nil && d.pos != len(data) {
		err = fmt.Errorf("%d bytes after the value", len(data)-d.pos)
	}
	if err != nil {
		return nil, fmt.Errorf("at byte %d of %q: %w", d.pos, data, err)
	}
	return v, nil
}

type decoder struct {
	data []byte
	pos  int
}

func (d *decoder) peek() byte {
	if d.pos < len(d.data) {
		return d.data[d.pos]
	}
	return 0
}

func (d *decoder) value(depth int) (any, error) {
	if depth > 8 {
		return nil, errors.New("nested too deeply")
	}
	switch d.peek() {
	case 'i':
		d.pos++
		return d.number('e')
	case 'l':
		d.pos++
		list := []any{}
		for d.peek() != 'e' {
			v, err := d.value(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		d.pos++
		return list, nil
	case 'd':
		d.pos++
		return d.dict(depth)
	default:
		return d.text()
	}
}

func (d *decoder) dict(depth int) (any, error) {
	dict, last := map[string]any{}, ""
	for first := true; d.peek() != 'e'; first = false {
		key, err := d.text()
		if err != nil {
			return nil, err
		}
		if !first && key <= last {
			return nil, fmt.Errorf("key %q after %q", key, last)
		}
		last = key
		if dict[key], err = d.value(depth + 1); err != nil {
			return nil, err
		}
	}
	d.pos++
	return dict, nil
}

func (d *decoder) text() (string, error) {
	n, err := d.number(':')
	if err != nil {
		return "", err
	}
	if n < 0 || n > int64(len(d.data)-d.pos) {
		return "", errors.New("string runs over the end")
	}
	s := string(d.data[d.pos : d.pos+int(n)])
	d.pos += int(n)
	return s, nil
}

func (d *decoder) number(end byte) (int64, error) {
	start := d.pos
	for d.pos < len(d.data) && d.data[d.pos] != end {
		d.pos++
	}
	text := string(d.data[start:d.pos])
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text || d.peek() != end {
		return 0, fmt.Errorf("%q is no number", text)
	}
	d.pos++
	return n, nil
}
