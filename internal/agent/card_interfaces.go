package agent

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ringfence.dev/ringfence/internal/strictjson"
)

// Versions that a card means when it names none: the 1.0 shape has no way to be older, and before 1.0 the
// protocolVersion of a card defaulted to 0.3 (A2A 0.3 section 5.5).
const (
	currentVersion = "1.0"
	legacyVersion  = "0.3"
)

func (r *cardReader) interfaces(members map[string]strictjson.Value) {
	before := len(r.problems)
	r.supported(members["supportedInterfaces"])
	r.legacy(members)
	switch n := len(r.card.Interfaces); {
	case len(r.problems) > before:
	case n == 0:
		r.fail("card.supportedInterfaces", "is required: it says where the agent listens")
	case n > maxInterfaces:
		r.fail("card.supportedInterfaces", fmt.Sprintf("must list at most %d interfaces", maxInterfaces))
	case !slices.ContainsFunc(r.card.Interfaces, func(i Interface) bool { return i.Binding.Routed() }):
		r.fail("card.supportedInterfaces", "must offer an interface that the mesh can route: JSONRPC, HTTP+JSON or GRPC")
	}
}

// supported reads the 1.0 shape.
func (r *cardReader) supported(value strictjson.Value) {
	for i, element := range r.array("card.supportedInterfaces", value) {
		path := fmt.Sprintf("card.supportedInterfaces[%d]", i)
		members := r.members(path, element, interfaceMembers)
		if element.Kind() != strictjson.Object {
			continue
		}
		r.add(path, r.supportedInterface(path, members))
	}
}

func (r *cardReader) supportedInterface(path string, members map[string]strictjson.Value) Interface {
	return Interface{
		URL:     r.text(path+".url", members["url"]),
		Binding: Binding(r.required(path+".protocolBinding", members["protocolBinding"])),
		Version: r.version(path+".protocolVersion", members["protocolVersion"], currentVersion),
		Tenant:  r.text(path+".tenant", members["tenant"]),
	}
}

// legacy reads the 0.3 shape. Servers that speak 1.0 alone may send its url empty.
func (r *cardReader) legacy(members map[string]strictjson.Value) {
	version := r.version("card.protocolVersion", members["protocolVersion"], legacyVersion)
	main := r.text("card.url", members["url"])
	transport := r.text("card.preferredTransport", members["preferredTransport"])
	if main != "" {
		r.add("card", Interface{URL: main, Binding: legacyBinding(transport), Version: version})
	}
	for i, element := range r.array("card.additionalInterfaces", members["additionalInterfaces"]) {
		if i == 0 && main == "" {
			r.fail("card.url", "is required beside additionalInterfaces")
		}
		path := fmt.Sprintf("card.additionalInterfaces[%d]", i)
		members := r.members(path, element, additionalMembers)
		if element.Kind() != strictjson.Object {
			continue
		}
		r.add(path, r.additionalInterface(path, members, version))
	}
}

func (r *cardReader) additionalInterface(path string, members map[string]strictjson.Value, version string) Interface {
	return Interface{
		URL:     r.text(path+".url", members["url"]),
		Binding: Binding(r.required(path+".transport", members["transport"])),
		Version: version,
	}
}

// legacyBinding returns the binding of the main interface of a 0.3 card (A2A 0.3 section 5.6.1).
func legacyBinding(transport string) Binding {
	if transport == "" {
		return JSONRPC
	}
	return Binding(transport)
}

func (r *cardReader) add(path string, iface Interface) {
	if err := checkInterfaceURL(iface); err != nil {
		r.fail(path+".url", err.Error())
	}
	if !slices.Contains(r.card.Interfaces, iface) {
		r.card.Interfaces = append(r.card.Interfaces, iface)
	}
}

func (r *cardReader) required(path string, value strictjson.Value) string {
	text := r.text(path, value)
	if value == nil || value.Kind() == strictjson.String && text == "" {
		r.fail(path, "is required")
	}
	return text
}

// version returns Major.Minor of a version; the patch number does not count (A2A 1.0 section 3.6).
func (r *cardReader) version(path string, value strictjson.Value, absent string) string {
	text := r.text(path, value)
	if text == "" {
		return absent
	}
	version, ok := majorMinor(text)
	if !ok {
		r.fail(path, "must be Major.Minor, such as 1.0")
	}
	return version
}

func majorMinor(version string) (string, bool) {
	parts := strings.Split(version, ".")
	if len(parts) < 2 || len(parts) > 3 {
		return "", false
	}
	for _, part := range parts {
		if n, err := strconv.ParseUint(part, 10, 16); err != nil || strconv.FormatUint(n, 10) != part {
			return "", false
		}
	}
	return parts[0] + "." + parts[1], true
}

func checkInterfaceURL(iface Interface) error {
	switch {
	case iface.URL == "":
		return errors.New("is required")
	case iface.Binding == GRPC && !strings.Contains(iface.URL, "://"):
		return checkHostPort(iface.URL)
	case iface.Binding.Routed():
		return CheckURL(iface.URL)
	}
	return nil
}

// CheckURL returns an error unless s is an absolute http or https URL of a place: with a host, without user
// information, query or fragment, and with a path that reads the same to everybody (no dot segments, escaped
// where it must be).
func CheckURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Opaque != "" {
		return errors.New("must be an absolute http or https URL")
	}
	_, afterScheme, _ := strings.Cut(s, "://")
	path, plain := strings.CutPrefix(afterScheme, u.Host)
	switch {
	case u.User != nil:
		return errors.New("must not contain user information")
	case u.Host == "" || !plain:
		return errors.New("must have a host: a DNS name or an IP address")
	case strings.ContainsRune(s, '#'):
		return errors.New("must not have a fragment")
	case strings.ContainsRune(s, '?'):
		return errors.New("must not have a query")
	case u.EscapedPath() != path:
		return errors.New("must have a path whose special characters are escaped")
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return errors.New("must have a path without dot segments")
		}
	}
	if strings.Contains(u.Path, `\`) || strings.Count(u.Path, "/") != strings.Count(u.EscapedPath(), "/") {
		return errors.New("must have a path without escaped slashes and without backslashes")
	}
	return checkHost(u.Hostname(), u.Port(), u.Host)
}

func checkHostPort(s string) error {
	u, err := url.Parse("//" + s)
	if err != nil || u.Host != s || u.Port() == "" {
		return errors.New("must be host:port or an absolute URL")
	}
	return checkHost(u.Hostname(), u.Port(), u.Host)
}

func checkHost(name, port, host string) error {
	if port != "" || strings.HasSuffix(host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("must have a port from 1 to 65535, or none")
		}
	}
	if addr, err := netip.ParseAddr(name); err == nil && addr.Zone() == "" {
		return nil
	}
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	for _, label := range labels {
		if len(label) == 0 || len(label) > 63 || strings.ContainsFunc(label, notInHost) {
			return errors.New("must have a host: a DNS name or an IP address")
		}
	}
	if last := labels[len(labels)-1]; len(name) > 253 || last[0] >= '0' && last[0] <= '9' {
		return errors.New("must have a host: a DNS name or an IP address")
	}
	return nil
}

func notInHost(c rune) bool {
	return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_')
}
