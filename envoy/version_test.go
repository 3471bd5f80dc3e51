package envoy

import (
	"testing"
)

func TestParseRelease(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		want       release
		ok         bool
	}{
		{"full", "1.40.0", release{1, 40, 0}, true},
		{"line", "1.38", release{1, 38, 0}, true},
		{"development", "1.41.0-dev", release{1, 41, 0}, true},
		{"empty", "", release{}, false},
		{"path", "1.40.0/../..", release{}, false},
		{"huge", "1.99999.0", release{}, false},
		{"words", "latest", release{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseRelease(test.text)
			if got != test.want || (err == nil) != test.ok {
				t.Errorf("got %v, %v; want %v, ok %t", got, err, test.want, test.ok)
			}
		})
	}
}

func TestReleaseBefore(t *testing.T) {
	t.Parallel()
	oldest := release{1, 38, 0}
	for _, test := range []struct {
		name string
		r    release
		want bool
	}{
		{"zero-value", release{}, true},
		{"older-line", release{1, 37, 9}, true},
		{"same-line", release{1, 38, 0}, false},
		{"newer-line", release{1, 40, 1}, false},
		{"next-major", release{2, 0, 0}, false},
		{"last-major", release{0, 99, 0}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := test.r.before(oldest); got != test.want {
				t.Errorf("%v before %v is %t", test.r, oldest, got)
			}
		})
	}
}

func TestPinnedVersionsParse(t *testing.T) {
	t.Parallel()
	pinned, err := parseRelease(Version)
	if err != nil {
		t.Fatal(err)
	}
	oldest, err := parseRelease(OldestVersion)
	if err != nil {
		t.Fatal(err)
	}
	tested, err := parseRelease(OldestRelease)
	if err != nil {
		t.Fatal(err)
	}
	if pinned.before(oldest) || tested.before(oldest) || oldest.before(tested) {
		t.Errorf("%s, %s and %s do not fit together", Version, OldestVersion, OldestRelease)
	}
}

func FuzzParseVersionOutput(f *testing.F) {
	f.Add([]byte("\n/usr/bin/envoy  version: 9e5580933739775e8bce696a57a2e1bc99368f23/1.40.0/Clean/RELEASE/BoringSSL\n\n"))
	f.Add([]byte("envoy  version: 0ebfcfe5b0484b89ca85b761da9e05ce75dbda8d/1.38.3/Modified/RELEASE/BoringSSL\n"))
	f.Add([]byte("version: 0/1.41.0-dev/"))
	f.Add([]byte("usage: envoy"))
	f.Fuzz(func(t *testing.T, output []byte) {
		r, err := parseVersionOutput(output)
		if err != nil && r != (release{}) {
			t.Errorf("a release %v came with the error %v", r, err)
		}
		if again, err := parseRelease(r.String()); err != nil || again != r {
			t.Errorf("%v does not read back: %v, %v", r, again, err)
		}
	})
}
