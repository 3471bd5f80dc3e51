package inspect

import "slices"

// verifyCard holds for a card number of a known network with a correct check digit that is not all alike. Spaces and
// hyphens may stand between the digits.
func verifyCard(b []byte, at span) bool {
	sum, n, distinct := 0, 0, [10]bool{}
	first := 0
	for i := at.end - 1; i >= at.start; i-- {
		if !digit(b[i]) {
			if letter(b[i]) {
				break
			}
			continue
		}
		d := int(b[i] - '0')
		first = d
		distinct[d] = true
		if n%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		n++
	}
	kinds := 0
	for _, seen := range distinct {
		if seen {
			kinds++
		}
	}
	return n >= 13 && n <= 19 && sum%10 == 0 && kinds > 2 && first >= 2 && first <= 6
}

// verifyIBAN holds for an international bank account number whose remainder by 97 is 1 (ISO 13616).
func verifyIBAN(b []byte, at span) bool {
	account := make([]byte, 0, maxIBAN)
	for i := at.end - 1; i >= at.start && len(account) <= maxIBAN; i-- {
		if letter(b[i]) || digit(b[i]) {
			account = append(account, b[i])
		}
	}
	slices.Reverse(account)
	for n := minIBAN; n <= len(account); n++ {
		if tail := account[len(account)-n:]; letter(tail[0]) && letter(tail[1]) && digit(tail[2]) && digit(tail[3]) && ibanRemainder(tail) == 1 {
			return true
		}
	}
	return false
}

// The shortest and the longest account number.
const (
	minIBAN = 15
	maxIBAN = 34
)

func ibanRemainder(account []byte) int {
	rest := 0
	for i := range account {
		c := account[(i+4)%len(account)]
		if letter(c) {
			rest = (rest*100 + int(c|0x20-'a') + 10) % 97
		} else {
			rest = (rest*10 + int(c-'0')) % 97
		}
	}
	return rest
}
