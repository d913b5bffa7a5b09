package secret

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Argon2id parameters (RFC 9106; the OWASP minimum): 19 MiB, two passes.
const (
	argonMemory = 19 * 1024
	argonTime   = 2
	argonLanes  = 1
	argonKeyLen = 32
)

// hashing bounds how many passwords are hashed at once, so that a flood of
// logins can't take the machine's memory.
var hashing = make(chan struct{}, 4)

// HashPassword returns the argon2id hash of password in PHC form, with its own
// salt. It waits for a free place, at most until ctx ends.
func HashPassword(ctx context.Context, password string) (string, error) {
	salt := randomBytes(16)
	sum, err := derive(ctx, password, salt, argonTime, argonMemory, argonLanes, argonKeyLen)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, argonMemory, argonTime, argonLanes, b64(salt), b64(sum)), nil
}

// VerifyPassword reports whether password belongs to the PHC string hash. An empty or
// unknown hash takes as long and never matches, so that the time does not tell
// whether an account exists.
func VerifyPassword(ctx context.Context, hash, password string) (bool, error) {
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
		_, err := derive(ctx, password, make([]byte, 16), argonTime, argonMemory, argonLanes, argonKeyLen)
		return false, err
	}
	got, err := derive(ctx, password, salt, uint32(time), uint32(memory), lanes, uint32(len(want)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

func derive(ctx context.Context, password string, salt []byte, time, memory uint32, lanes uint8, n uint32) ([]byte, error) {
	select {
	case hashing <- struct{}{}:
		defer func() { <-hashing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(password), salt, time, memory, lanes, n), nil
}
