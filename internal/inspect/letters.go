package inspect

// pairCost says, in bits, how little the second of two characters is to be expected behind the first in words and in names
// of code, from 0 to 9: rows and columns are the letters, a digit and anything else. Random characters cost 6 to 7 on
// average, words and names less than 5.
var pairCost = [28]string{
	"9545974959734394934256877865", // a
	"3766379846938748945849995943",
	"3968389359448827945359996965",
	"3675267939866747955757998963",
	"5744667989945386633486757973", // e
	"4878458929959739956549996953",
	"5878275539957557944649998983",
	"3887289939977737857449996983",
	"5644565999845236954395989696", // i
	"3777299768897946892948799956",
	"4686277839968667974748798972",
	"3875249939646837985557995994",
	"3666298949955743985869996963",
	"4844453958778656983366998964",
	"6654965968643255935546578995", // o
	"3986399549938734936449996994",
	"7997999989938888778719899963",
	"3855275939666637964455995964",
	"5948289549678945874258796983",
	"3968279439976846944569885983",
	"5455476959934385933399989987", // u
	"2979197929988949997869999955",
	"3986389539967537954799399973",
	"4848479749975973986288946953",
	"4667578959855553973488697572",
	"3998199739967949998849898665", // z
	"7777779999999999999999999933", // a digit
	"4544555657755554954466688934",
}

// switchCost is added where a capital follows a small letter.
const switchCost = 2

// pairClass is the row and column of each byte.
var pairClass = func() (class [256]uint8) {
	for b := range class {
		switch c := byte(b); {
		case letter(c):
			class[b] = (c | 0x20) - 'a'
		case digit(c):
			class[b] = 26
		default:
			class[b] = 27
		}
	}
	return class
}()

// strangeness is how little a value looks like words and names: the mean cost of its pairs, in tenths of a bit.
func strangeness(value []byte) int {
	if len(value) < 2 {
		return 0
	}
	sum := 0
	for i, c := range value[1:] {
		before := value[i]
		sum += int(pairCost[pairClass[before]][pairClass[c]] - '0')
		if before|0x20 == before && letter(before) && c-'A' < 26 {
			sum += switchCost
		}
	}
	return 10 * sum / (len(value) - 1)
}
