package door

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/mythos-project/mythos/internal/jsontext"
)

// MaxID is how long an id is that a door keeps, in bytes.
const MaxID = 1 << 10

// CheckID refuses what is not an id of a request.
func CheckID(id json.RawMessage) error {
	if jsontext.Kind(id) != '"' && !jsontext.IsNumber(id) {
		return fmt.Errorf("an id is a text or a number, %.100s is not", id)
	}
	return nil
}

// CheckShort is CheckID of an id that a door keeps.
func CheckShort(id json.RawMessage) error {
	if len(id) > MaxID {
		return fmt.Errorf("its id has more than %d bytes", MaxID)
	}
	return CheckID(id)
}

// IDKey is an id as a key: a text and a number that read alike are one, as some servers make
// one of the other, and so are two ways to write a number, as clients read them alike.
func IDKey(id json.RawMessage) string {
	text, err := jsontext.TextOf(id)
	if err != nil {
		text = string(id)
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil && n == math.Trunc(n) && math.Abs(n) < 1<<53 {
		return strconv.FormatInt(int64(n), 10)
	}
	return text
}

// ExactID is an id as a key, where the answer is written by a library that has whole numbers and texts in
// Unicode: it would answer another id than such a one.
func ExactID(id json.RawMessage) (string, error) {
	if err := CheckShort(id); err != nil {
		return "", err
	}
	if jsontext.IsNumber(id) {
		n, err := strconv.ParseInt(string(id), 10, 64)
		if err != nil || n > 1<<53 || n < -(1<<53) || strconv.FormatInt(n, 10) != string(id) {
			return "", fmt.Errorf("the id %.100s is not a whole number that every program writes alike", id)
		}
		return string(id), nil
	}
	text, err := jsontext.TextOf(id)
	if err != nil {
		return "", fmt.Errorf("the id %.100s is not text in Unicode", id)
	}
	return `"` + text, nil
}
