package agent

import (
	"errors"
	"fmt"
	"strings"
)

// maxWebDID bounds a did:web, in bytes.
const maxWebDID = 512

// checkWebDID returns an error unless did has the form of a did:web (did:web method, section 2.1): a host in lower
// case with at most a port, which is written %3A and digits, and then path segments. What it leads to is judged
// where it is resolved.
func checkWebDID(did string) error {
	if len(did) > maxWebDID {
		return fmt.Errorf("must have at most %d bytes", maxWebDID)
	}
	host, path, hasPath := strings.Cut(strings.TrimPrefix(did, WebMethod), ":")
	name, port, hasPort := strings.Cut(host, "%3A")
	if name == "" || strings.ContainsFunc(name, notInWebHost) || hasPort && (port == "" || strings.ContainsFunc(port, notDigit)) {
		return errors.New("must have a host in lower case after did:web, with %3A and a number where it has a port")
	}
	if !hasPath {
		return nil
	}
	for segment := range strings.SplitSeq(path, ":") {
		if segment == "" || segment == "." || segment == ".." || strings.ContainsFunc(segment, notInWebPath) {
			return errors.New("must have path segments of letters, digits and . - _ ~ % alone, none of them empty or of one or two dots")
		}
	}
	return nil
}

func notDigit(c rune) bool { return c < '0' || c > '9' }

func notInWebHost(c rune) bool { return notDigit(c) && (c < 'a' || c > 'z') && c != '.' && c != '-' }

func notInWebPath(c rune) bool {
	return notInWebHost(c) && (c < 'A' || c > 'Z') && c != '_' && c != '~' && c != '%'
}
