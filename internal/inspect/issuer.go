package inspect

// alphabet is a set of the characters that a kind of token is written with.
type alphabet uint8

const (
	base62 alphabet = iota // letters and digits
	base64URL
	base16
	upper32 // A-Z and 2-7
	upper36
	dotted // base64URL and dots
)

func (a alphabet) holds(c byte) bool {
	switch a {
	case base62:
		return letter(c) || digit(c)
	case base16:
		return digit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
	case upper32:
		return c >= 'A' && c <= 'Z' || c >= '2' && c <= '7'
	case upper36:
		return c >= 'A' && c <= 'Z' || digit(c)
	case dotted:
		return letter(c) || digit(c) || c == '-' || c == '_' || c == '.'
	}
	return letter(c) || digit(c) || c == '-' || c == '_'
}

// issue is how the tokens of one issuer look: how long the run behind the prefix is, and what it is written with. A most
// of 0 is no bound.
type issue struct {
	prefix      string
	written     alphabet
	least, most int
}

// issues follow what issuers publish on the format of their tokens.
var issues = []issue{
	{"AKIA", upper32, 16, 16},
	{"ASIA", upper32, 16, 16},
	{"ABIA", upper32, 16, 16},
	{"ACCA", upper32, 16, 16},
	{"ABSK", base64URL, 100, 0},
	{"ghp_", base62, 36, 36},
	{"gho_", base62, 36, 36},
	{"ghu_", base62, 36, 36},
	{"ghs_", base62, 36, 36},
	{"ghr_", base62, 36, 76},
	{"github_pat_", base64URL, 60, 90},
	{"glpat-", base64URL, 20, 64},
	{"gldt-", base64URL, 20, 64},
	{"glrt-", dotted, 20, 64},
	{"glptt-", base64URL, 40, 40},
	{"glft-", base64URL, 20, 64},
	{"glsoat-", base64URL, 20, 64},
	{"glagent-", base64URL, 50, 64},
	{"gloas-", base64URL, 64, 64},
	{"glimt-", base64URL, 25, 64},
	{"glcbt-", base64URL, 20, 64},
	{"glffct-", base64URL, 20, 64},
	{"GR1348941", base64URL, 20, 64},
	{"xoxb-", base64URL, 20, 0},
	{"xoxp-", base64URL, 20, 0},
	{"xoxa-", base64URL, 20, 0},
	{"xoxr-", base64URL, 20, 0},
	{"xoxs-", base64URL, 20, 0},
	{"xoxe-", base64URL, 20, 0},
	{"xoxe.xoxp-", base64URL, 40, 0},
	{"xoxe.xoxb-", base64URL, 40, 0},
	{"xapp-", base64URL, 20, 0},
	{"sk_live_", base62, 16, 120},
	{"rk_live_", base62, 16, 120},
	{"sk_test_", base62, 16, 120},
	{"rk_test_", base62, 16, 120},
	{"whsec_", base62, 24, 64},
	{"sk-proj-", base64URL, 40, 0},
	{"sk-svcacct-", base64URL, 40, 0},
	{"sk-admin-", base64URL, 40, 0},
	{"sk-ant-", base64URL, 40, 0},
	{"sk-or-v1-", base16, 64, 64},
	{"sk-lf-", base64URL, 36, 36},
	{"sk-", base62, 32, 64},
	{"AIza", base64URL, 35, 35},
	{"ya29.", base64URL, 30, 0},
	{"GOCSPX-", base64URL, 28, 28},
	{"npm_", base62, 36, 36},
	{"dop_v1_", base16, 64, 64},
	{"doo_v1_", base16, 64, 64},
	{"dor_v1_", base16, 64, 64},
	{"SG.", dotted, 60, 72},
	{"hf_", base62, 34, 40},
	{"api_org_", base62, 34, 34},
	{"shpat_", base16, 32, 32},
	{"shpss_", base16, 32, 32},
	{"shpca_", base16, 32, 32},
	{"shppa_", base16, 32, 32},
	{"pypi-AgEIcHlwaS5vcmc", base64URL, 50, 0},
	{"sq0atp-", base64URL, 22, 22},
	{"sq0csp-", base64URL, 43, 43},
	{"glsa_", base64URL, 41, 41},
	{"glc_", base64URL, 32, 0},
	{"dapi", base16, 32, 34},
	{"lin_api_", base62, 40, 40},
	{"figd_", base64URL, 40, 60},
	{"pul-", base16, 40, 40},
	{"hvs.", base64URL, 24, 0},
	{"hvb.", base64URL, 90, 0},
	{"gsk_", base62, 40, 60},
	{"r8_", base62, 37, 37},
	{"xai-", base62, 70, 90},
	{"pplx-", base62, 40, 60},
	{"pat-na1-", base64URL, 36, 36},
	{"pat-eu1-", base64URL, 36, 36},
	{"ATATT3", base64URL, 100, 0},
	{"ATBB", base62, 28, 36},
	{"ATCTT3", base64URL, 100, 0},
	{"dckr_pat_", base64URL, 27, 36},
	{"dckr_oat_", base64URL, 27, 36},
	{"nvapi-", base64URL, 60, 72},
	{"pscale_tkn_", dotted, 32, 64},
	{"pscale_pw_", dotted, 32, 64},
	{"pscale_oauth_", dotted, 32, 64},
	{"rubygems_", base16, 48, 48},
	{"NRAK-", upper36, 27, 27},
	{"NRII-", base64URL, 32, 32},
	{"NRJS-", base16, 19, 19},
	{"pnu_", base62, 36, 36},
	{"FLWSECK_TEST-", base64URL, 12, 40},
	{"FLWSECK-", base64URL, 32, 40},
	{"fm1r_", base64URL, 60, 0},
	{"fm2_", base64URL, 60, 0},
	{"fo1_", base64URL, 40, 48},
	{"duffel_live_", base64URL, 43, 43},
	{"duffel_test_", base64URL, 43, 43},
	{"EZAK", base62, 54, 54},
	{"EZTK", base62, 54, 54},
	{"shippo_live_", base16, 40, 40},
	{"shippo_test_", base16, 40, 40},
	{"sntrys_", base64URL, 60, 0},
	{"sntryu_", base16, 64, 64},
	{"PMAK-", base64URL, 59, 59},
	{"sgp_", base64URL, 40, 70},
	{"LTAI", base62, 16, 22},
	{"CFPAT-", base64URL, 43, 43},
	{"dp.pt.", base62, 43, 43},
	{"dp.st.", dotted, 43, 60},
	{"dt0c01.", dotted, 80, 96},
	{"rdme_", base62, 70, 70},
	{"sbp_", base16, 40, 40},
	{"ntn_", base62, 40, 50},
	{"xkeysib-", base64URL, 80, 82},
	{"squ_", base16, 40, 40},
	{"sqp_", base16, 40, 40},
	{"sqa_", base16, 40, 40},
	{"AKCp", base62, 60, 72},
	{"AGE-SECRET-KEY-1", upper36, 58, 58},
	{"fio-u-", base64URL, 64, 64},
	{"tfp_", base64URL, 59, 59},
	{"lip_", base64URL, 32, 0},
	{"ops_eyJ", base64URL, 200, 0},
	{"EAACEdEose0cBA", base62, 30, 0},
	{"sha256~", base64URL, 43, 43},
	{"v1.0-", base64URL, 100, 180},
	{"rootly_", base16, 64, 64},
	{"akab-", base64URL, 40, 60},
	{"tvly-", base64URL, 32, 60},
	{"fc-", base16, 32, 32},
	{"lsv2_", base64URL, 40, 60},
	{"e2b_", base16, 40, 40},
}
