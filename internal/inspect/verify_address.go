package inspect

import (
	"bytes"
	"net/netip"
	"strconv"
)

// verifyFirst holds for a match that nothing but white space stands before.
func verifyFirst(b []byte, at span) bool { return len(bytes.TrimSpace(b[:at.start])) == 0 }

// verifyAlone holds for a text that is nothing but the match.
func verifyAlone(b []byte, at span) bool {
	return verifyFirst(b, at) && len(bytes.TrimSpace(b[at.end:])) == 0
}

// authority returns the name and password, and the host without a port, of the address that is the whole text.
func authority(b []byte) (info, host []byte) {
	b = bytes.TrimSpace(b)
	_, rest, ok := bytes.Cut(b, []byte("//"))
	if !ok {
		return nil, nil
	}
	if i := bytes.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	if i := bytes.LastIndexByte(rest, '@'); i >= 0 {
		info, rest = rest[:i], rest[i+1:]
	}
	if i := bytes.LastIndexByte(rest, ':'); i > bytes.LastIndexByte(rest, ']') {
		rest = rest[:i]
	}
	return info, bytes.Trim(rest, "[]")
}

// verifyDisguisedHost holds for an address that does not lead where it seems to: a name that looks like a host before the
// real one, or a number of IPv4 in a spelling that only some readers take for one.
func verifyDisguisedHost(b []byte, _ span) bool {
	info, host := authority(b)
	if user, _, _ := bytes.Cut(info, []byte(":")); bytes.IndexByte(user, '.') > 0 || bytes.IndexByte(info, '%') >= 0 {
		return true
	}
	if bytes.IndexByte(host, '\\') >= 0 {
		return true
	}
	numbers, odd := 0, false
	for part := range bytes.SplitSeq(bytes.TrimSuffix(host, []byte(".")), []byte(".")) {
		if len(part) == 0 {
			return false
		}
		if _, err := strconv.ParseUint(string(part), 0, 64); err != nil && !octal(part) {
			return false
		}
		numbers++
		odd = odd || len(part) > 1 && part[0] == '0'
	}
	return numbers > 0 && (numbers < 4 || odd)
}

func octal(part []byte) bool {
	for _, c := range part {
		if !digit(c) {
			return false
		}
	}
	return true
}

// verifyInnerHost holds for an address of this machine or of a network that nobody outside reaches.
func verifyInnerHost(b []byte, _ span) bool {
	_, host := authority(b)
	if len(host) == 0 {
		return false
	}
	var lower [maxLiteral]byte
	low := fold(lower[:], host)
	for _, name := range [...]string{"localhost", ".localhost", ".internal", ".local", ".svc", ".cluster.local", ".lan", ".intranet", ".corp"} {
		if string(low) == name || name[0] == '.' && bytes.HasSuffix(low, []byte(name)) {
			return true
		}
	}
	ip, err := netip.ParseAddr(string(host))
	if err != nil {
		return false
	}
	ip = ip.Unmap()
	return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsUnspecified()
}

// verifyMetadata holds for an address of a service that tells a machine of a cloud who it is, in any spelling.
func verifyMetadata(b []byte, _ span) bool {
	_, host := authority(b)
	if len(host) == 0 || len(host) > maxLiteral {
		return false
	}
	host = bytes.ToLower(bytes.TrimSuffix(host, []byte(".")))
	for _, name := range [...]string{"metadata.google.internal", "metadata.goog", "metadata", "instance-data", "metadata.tencentyun.com", "fd00:ec2::254"} {
		if string(host) == name {
			return true
		}
	}
	for _, suffix := range [...]string{"169.254.169.254.nip.io", "169.254.169.254.sslip.io", "169.254.169.254.xip.io"} {
		if bytes.HasSuffix(host, []byte(suffix)) {
			return true
		}
	}
	number, ok := number4(host)
	if !ok {
		ip, err := netip.ParseAddr(string(host))
		if err != nil || !ip.Unmap().Is4() {
			return false
		}
		four := ip.Unmap().As4()
		number = uint32(four[0])<<24 | uint32(four[1])<<16 | uint32(four[2])<<8 | uint32(four[3])
	}
	switch number {
	case 0xA9FEA9FE, 0xA9FEAA02, 0x646464C8, 0xA83F8110, 0xC0000045: // link-local services, Alibaba, Azure, Oracle
		return true
	}
	return false
}

// number4 reads a host as inet_aton does: one to four numbers, decimal, octal or hexadecimal.
func number4(host []byte) (uint32, bool) {
	var sum uint64
	n := 0
	for part := range bytes.SplitSeq(host, []byte(".")) {
		v, err := strconv.ParseUint(string(part), 0, 32)
		if err != nil || n == 4 {
			return 0, false
		}
		if last := len(part) > 0 && n > 0; last && v > 255 && n == 3 {
			return 0, false
		}
		sum = sum<<8 + v
		n++
	}
	if n == 1 || n == 4 {
		return uint32(sum), sum <= 0xFFFFFFFF
	}
	return 0, false
}

// devices are names that Windows takes for devices in every directory, with any ending.
var devices = [...]string{"con", "prn", "aux", "nul", "clock$", "com1", "com2", "com3", "com4", "lpt1", "lpt2", "lpt3"}

// verifyDevice holds for the name of a file that is one of a device.
func verifyDevice(b []byte, _ span) bool {
	name := bytes.TrimSpace(b)
	if i := bytes.LastIndexAny(name, "/\\"); i >= 0 {
		name = name[i+1:]
	}
	name, _, _ = bytes.Cut(name, []byte("."))
	for _, device := range devices {
		if len(name) == len(device) && bytes.EqualFold(name, []byte(device)) {
			return true
		}
	}
	return false
}

// verifyLastEnding holds for a name that ends with the match.
func verifyLastEnding(b []byte, at span) bool {
	return len(bytes.Trim(b[at.end:], " .")) == 0
}
