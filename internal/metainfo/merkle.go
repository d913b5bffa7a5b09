package metainfo

import (
	"crypto/sha256"
	"math/bits"
)

type hash256 = [sha256.Size]byte

// merkleRoot returns the root of the hash tree over a layer whose missing nodes
// up to the next power of two are pad (BEP 52). It overwrites layer, which must
// not be empty.
func merkleRoot(layer []hash256, pad hash256) hash256 {
	for n := nextPower(len(layer)); n > 1; n /= 2 {
		half := (len(layer) + 1) / 2
		for i := range half {
			right := pad
			if 2*i+1 < len(layer) {
				right = layer[2*i+1]
			}
			layer[i] = hashPair(layer[2*i], right)
		}
		layer = layer[:half]
		pad = hashPair(pad, pad)
	}
	return layer[0]
}

// padHash returns the root of a tree of 2^height zero leaves, which represents the
// blocks after the end of a file.
func padHash(height int) hash256 {
	var h hash256
	for range height {
		h = hashPair(h, h)
	}
	return h
}

// pieceHeight returns how many levels lie between blocks and pieces.
func pieceHeight(pieceLength int64) int {
	return bits.TrailingZeros64(uint64(pieceLength / blockSize))
}

func hashPair(a, b hash256) hash256 {
	var buf [2 * sha256.Size]byte
	copy(buf[:], a[:])
	copy(buf[sha256.Size:], b[:])
	return sha256.Sum256(buf[:])
}

func nextPower(n int) int {
	p := 1
	for p < n {
		p *= 2
	}
	return p
}
