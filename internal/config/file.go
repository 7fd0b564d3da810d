package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v3"

	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/internal/strictyaml"
)

const maxFile = 1 << 20 // bytes

// outOfReach reports whether a file does not exist as far as this account can see.
func outOfReach(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR)
}

// readFile reads the settings of a file; none if the file does not exist.
func readFile(path string) (map[string]any, error) {
	f, err := plainfile.OpenLinked(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrSetting, path, maxFile)
	}
	return parseFile(path, data)
}

// parseFile reads a file, which is one mapping of names to values.
func parseFile(path string, data []byte) (map[string]any, error) {
	root, err := strictyaml.Document(data)
	if errors.Is(err, strictyaml.ErrEmpty) {
		return nil, nil // empty, or only comments
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrSetting, path, err)
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%w: %s, line %d: expected lines such as `lease: 1m`", ErrSetting, path, root.Line)
	}
	values := map[string]any{}
	for i := 0; i < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		at := fmt.Sprintf("%s, line %d", path, key.Line)
		s, parsed, err := parseEntry(at, key, value)
		if err != nil {
			return nil, err
		}
		if _, twice := values[s.Name]; twice {
			return nil, fmt.Errorf("%w: %s: %s is set twice", ErrSetting, at, s.Name)
		}
		values[s.Name] = parsed
	}
	return values, nil
}

func parseEntry(at string, key, value *yaml.Node) (*Setting, any, error) {
	if key.Kind != yaml.ScalarNode {
		return nil, nil, fmt.Errorf("%w: %s: expected a name before the colon", ErrSetting, at)
	}
	s, known := lookup(key.Value)
	if !known {
		return nil, nil, fmt.Errorf("%w: %s: %s", ErrSetting, at, unknown(key.Value, names()))
	}
	if value.Kind != yaml.ScalarNode {
		return nil, nil, fmt.Errorf("%w: %s: %s is a list, a map or an alias (expected: %s)", ErrSetting, at, s.Name, s.Type)
	}
	if err := s.checkTag(value); err != nil {
		return nil, nil, s.wrong(at, s.Name, value.Value, err)
	}
	parsed, err := s.parse(value.Value)
	if err != nil {
		return nil, nil, s.wrong(at, s.Name, value.Value, err)
	}
	return s, parsed, nil
}

// checkTag refuses a scalar that YAML reads as another type than the setting's.
func (s *Setting) checkTag(value *yaml.Node) error {
	tag := value.ShortTag()
	switch {
	case tag == "!!null":
		return errors.New("has no value: leave the line out, or give one")
	case s.kind == boolType && tag != "!!bool":
		if tag == "!!str" && (value.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle)) != 0 {
			return errors.New("is a text in quotes: leave them out")
		}
		return errors.New("is neither true nor false")
	case s.kind == numberType && tag != "!!float" && tag != "!!int", s.kind == countType && tag != "!!int":
		return errors.New("is not a number")
	case s.kind == durationType && tag != "!!str" && tag != "!!int" && tag != "!!float": // a number needs its unit
		return errors.New("is not a duration")
	case s.kind == stringType && tag != "!!str" && tag != "!!int": // digits are valid text: a size, a seed
		return errors.New("is not a text")
	}
	return nil
}

func names() []string {
	list := make([]string, len(settings))
	for i := range settings {
		list[i] = settings[i].Name
	}
	return list
}

// unknown reports an unknown name, and suggests a similar one.
func unknown(name string, all []string) string {
	flat := func(s string) string {
		return strings.ToLower(strings.NewReplacer("-", "", "_", "", ".", "").Replace(s))
	}
	best, least := "", min(4, len(name)/2+1) // with more typing errors no name is recognizable
	for _, n := range all {
		if d := distance(flat(name), flat(n)); d < least {
			best, least = n, d
		}
	}
	if best != "" {
		return fmt.Sprintf("%q is not a setting; did you mean %s?", name, best)
	}
	slices.Sort(all)
	return fmt.Sprintf("%q is not a setting; the settings are %s", name, strings.Join(all, ", "))
}

// distance is how many characters must be put in, taken out or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := diagonal
			if a[i] != b[j] {
				next = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
