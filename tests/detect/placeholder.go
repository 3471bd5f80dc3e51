package main

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
)

// placeholder stands for random characters of an alphabet. With it, a set can have a secret in it that no scanner of a
// code host takes for a live one.
var placeholder = regexp.MustCompile(`\{\{rand:([a-z0-9]+):([0-9]+)\}\}`)

const (
	digits = "0123456789"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower  = "abcdefghijklmnopqrstuvwxyz"
	// maxRandom is the longest run of random characters.
	maxRandom = 8192
)

var alphabets = map[string]string{
	"base62":  digits + upper + lower,
	"hex":     digits + "abcdef",
	"upper32": upper + "234567",
	"digits":  digits,
	"base64":  upper + lower + digits + "+/",
}

// expand fills the placeholders of a text. The characters depend on the text alone, so that a sample is the same
// wherever it stands.
func expand(text string) (string, error) {
	if !strings.Contains(text, "{{rand:") {
		return text, nil
	}
	chance := rand.New(rand.NewChaCha8(sha256.Sum256([]byte(text))))
	var err error
	filled := placeholder.ReplaceAllStringFunc(text, func(p string) string {
		parts := placeholder.FindStringSubmatch(p)
		n, problem := strconv.Atoi(parts[2])
		alphabet, ok := alphabets[parts[1]]
		if !ok || problem != nil || n < 1 || n > maxRandom {
			err = fmt.Errorf("the placeholder %s has an unknown alphabet or a length that is not 1 to %d", p, maxRandom)
			return p
		}
		out := make([]byte, n)
		for i := range out {
			out[i] = alphabet[chance.IntN(len(alphabet))]
		}
		return string(out)
	})
	if err == nil && strings.Contains(filled, "{{rand:") {
		err = fmt.Errorf("a placeholder is not of the form {{rand:ALPHABET:LENGTH}}")
	}
	return filled, err
}
