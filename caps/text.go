package caps

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/mythos-project/mythos/object/can"
)

const (
	// TextPrefix begins the text form of a chain.
	TextPrefix = "mythos1cap"

	checksumLen = 6
	maxFile     = MaxDepth*MaxSize + 16 // bytes of a chain's file form
)

// ErrText means that a text is not the undamaged text form of a chain.
var ErrText = errors.New("not a capability text")

var textEncoding = base64.RawURLEncoding.Strict()

// ExportText writes a chain as one word for copying: "mythos1cap", then in unpadded base64url its file form and the
// first 6 bytes of SHA-256("mythos1cap" || file form). Those 6 bytes reveal typing errors.
func ExportText(chain Chain) (string, error) {
	file, err := ExportFile(chain)
	if err != nil {
		return "", err
	}
	sum := textChecksum(file)
	return TextPrefix + textEncoding.EncodeToString(append(file, sum[:]...)), nil
}

func textChecksum(file []byte) [checksumLen]byte {
	sum := sha256.Sum256(append([]byte(TextPrefix), file...))
	return [checksumLen]byte(sum[:])
}

// ImportText reads the text form and ignores white space, which copying may add. It checks the links as OpenChain does.
// The error for a damaged text wraps ErrText.
func ImportText(text string) (Chain, error) {
	if len(text) > 2*maxFile {
		return nil, fmt.Errorf("%w: %d characters are too many", ErrText, len(text))
	}
	word := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
	word, found := strings.CutPrefix(word, TextPrefix)
	if !found {
		return nil, fmt.Errorf("%w: it does not begin with %s", ErrText, TextPrefix)
	}
	data, err := textEncoding.DecodeString(word)
	if err != nil || len(data) < checksumLen {
		return nil, fmt.Errorf("%w: it is cut off or has other characters than base64url", ErrText)
	}
	file, sum := data[:len(data)-checksumLen], data[len(data)-checksumLen:]
	if want := textChecksum(file); !bytes.Equal(sum, want[:]) {
		return nil, fmt.Errorf("%w: its checksum does not match, a character is wrong or missing", ErrText)
	}
	return ImportFile(file)
}

// ExportFile writes a chain as a canonical list of its capabilities, the leaf
// first.
func ExportFile(chain Chain) ([]byte, error) {
	again, err := OpenChain(chain.Raws()...)
	if err != nil {
		return nil, fmt.Errorf("export chain: %w", err)
	}
	return can.ListOf(again.Raws())
}

// ImportFile reads the file form, or a single root capability. It checks the
// links as OpenChain does.
func ImportFile(data []byte) (Chain, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("a chain of %d bytes is larger than %d", len(data), maxFile)
	}
	if len(data) > 0 && data[0] == can.TagMap {
		return OpenChain(data)
	}
	raws, err := listed(data)
	if err != nil {
		return nil, fmt.Errorf("chain: %w", err)
	}
	return OpenChain(raws...)
}

// listed splits a canonical list into its values.
func listed(data []byte) ([][]byte, error) {
	r := can.NewReader(data)
	n, err := r.List()
	if err != nil {
		return nil, err
	}
	if n > MaxDepth {
		return nil, fmt.Errorf("%d capabilities, at most %d are allowed", n, MaxDepth)
	}
	raws := make([][]byte, n)
	for i := range raws {
		if raws[i], err = r.Skip(); err != nil {
			return nil, err
		}
	}
	r.Leave()
	return raws, r.End()
}

// Import reads the text form or the file form, whichever it is.
func Import(data []byte) (Chain, error) {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte(TextPrefix)) {
		return ImportText(string(data))
	}
	return ImportFile(data)
}
