package inspect

// verifyCard holds for a card number of a known network with a correct check digit that is not all alike. Spaces and
// hyphens may stand between the digits.
func verifyCard(b []byte, at span) bool {
	sum, n, first, kinds := 0, 0, 0, 0
	var seen [10]bool
	for i := at.end - 1; i >= at.start && !letter(b[i]); i-- {
		if !digit(b[i]) {
			continue
		}
		d := int(b[i] - '0')
		first = d
		if !seen[d] {
			seen[d] = true
			kinds++
		}
		if n%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		n++
	}
	return n >= 13 && n <= 19 && sum%10 == 0 && kinds > 2 && first >= 2 && first <= 6
}

// verifyIBAN holds for an account number whose check digits are right (ISO 13616).
func verifyIBAN(b []byte, at span) bool {
	var code [34]byte
	n := 0
	for _, c := range b[at.start:at.end] {
		if c == ' ' || c == '-' {
			continue
		}
		if n == len(code) {
			return false
		}
		code[n] = c
		n++
	}
	if n < 15 {
		return false
	}
	rest := 0
	for i := range n {
		switch c := code[(i+4)%n]; {
		case digit(c):
			rest = (rest*10 + int(c-'0')) % 97
		case c-'A' < 26:
			rest = (rest*100 + int(c-'A') + 10) % 97
		default:
			return false
		}
	}
	return rest == 1
}
