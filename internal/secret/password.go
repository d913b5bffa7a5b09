package secret

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/caduceus-bio/caduceus/internal/fair"
)

// Argon2id parameters (RFC 9106).
const (
	argonLanes  = 1
	argonKeyLen = 32
)

// cost is what a hash costs.
type cost struct{ memory, passes uint32 } // memory in KiB

var (
	dear  = cost{memory: 19 * 1024, passes: 2} // the OWASP minimum
	cheap = cost{memory: 8, passes: 1}
)

// Cheaply returns the keyring with passphrases that are hashed at next to no cost, so that
// they are not safe. It is for tests, of which many make accounts.
func (k *Keyring) Cheaply() *Keyring {
	c := *k
	c.cost = cheap
	return &c
}

// hashing bounds the passwords that are hashed at once, in 19 MiB and some 30 ms each, and
// how many wait for it: a flood of logins takes neither the machine's memory nor the turn
// of others.
func hashing() fair.Limits {
	return fair.Limits{AtOnce: atOnce(), Waiting: 64, PerNetwork: 32, PerAddress: 4, Longest: 8 * time.Second, Busy: "too many people log in at this moment"}
}

// deriving bounds the keys that are derived at once, in about a millisecond each. So many
// may wait that a whole network of people can come back at the same time.
func deriving() fair.Limits {
	return fair.Limits{AtOnce: atOnce(), Waiting: 4096, PerNetwork: 512, PerAddress: 64, Longest: 4 * time.Second, Busy: "too many people log in at this moment"}
}

func atOnce() int { return min(max(runtime.GOMAXPROCS(0), 2), 4) }

// Hashing returns the figures of the passwords that are hashed or wait for it.
func (k *Keyring) Hashing() fair.Stats { return k.hashing.Stats() }

// Deriving returns the figures of the keys that are derived or wait for it.
func (k *Keyring) Deriving() fair.Stats { return k.deriving.Stats() }

// HashPassword returns the argon2id hash of password in PHC form, with its own
// salt. It waits for its turn among the networks that fair.With names; its errors are
// those of fair.Queue.
func (k *Keyring) HashPassword(ctx context.Context, password string) (string, error) {
	salt := randomBytes(16)
	sum, err := k.derive(ctx, password, salt, k.cost.passes, k.cost.memory, argonLanes, argonKeyLen)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, k.cost.memory, k.cost.passes, argonLanes, b64(salt), b64(sum)), nil
}

// VerifyPassword reports whether password belongs to the PHC string hash. An empty or
// unknown hash takes as long and never matches, so that the time does not tell
// whether an account exists. It waits as HashPassword does.
func (k *Keyring) VerifyPassword(ctx context.Context, hash, password string) (bool, error) {
	var version, memory, time int
	var lanes uint8
	parts := strings.Split(hash, "$")
	ok := len(parts) == 6 && parts[1] == "argon2id"
	if ok {
		_, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &time, &lanes)
		ok = err == nil && version == argon2.Version && memory >= 8 && memory <= 1<<20 && time >= 1 && time <= 100 && lanes >= 1
	}
	var salt, want []byte
	if ok {
		var e1, e2 error
		salt, e1 = base64.RawStdEncoding.DecodeString(parts[4])
		want, e2 = base64.RawStdEncoding.DecodeString(parts[5])
		ok = e1 == nil && e2 == nil && len(want) >= 16 && len(want) <= 64
	}
	if !ok {
		_, err := k.derive(ctx, password, make([]byte, 16), k.cost.passes, k.cost.memory, argonLanes, argonKeyLen)
		return false, err
	}
	got, err := k.derive(ctx, password, salt, uint32(time), uint32(memory), lanes, uint32(len(want)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

func (k *Keyring) derive(ctx context.Context, password string, salt []byte, time, memory uint32, lanes uint8, n uint32) (sum []byte, err error) {
	err = k.hashing.Do(ctx, func() { sum = argon2.IDKey([]byte(password), salt, time, memory, lanes, n) })
	return sum, err
}

// PBKDF2 derives 32 bytes from a key by SHA-256 (RFC 8018). It waits as HashPassword does.
func (k *Keyring) PBKDF2(ctx context.Context, key, salt []byte, iterations int) (sum []byte, err error) {
	busy := k.deriving.Do(ctx, func() { sum, err = pbkdf2.Key(sha256.New, string(key), salt, iterations, sha256.Size) })
	return sum, errors.Join(busy, err)
}
