package caps

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/strictyaml"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
)

// ruleFile is a rule as people write it.
type ruleFile struct {
	Name      string                    `yaml:"name"`
	To        []string                  `yaml:"to"`
	Scope     string                    `yaml:"scope"`
	TTL       string                    `yaml:"ttl"`
	Limits    map[scope.Resource]uint64 `yaml:"limits"`
	Delegable bool                      `yaml:"delegable"`
	Revocable bool                      `yaml:"revocable"`
	Request   bool                      `yaml:"request"`
	OIDC      *tokenFile                `yaml:"oidc"`
}

// tokenFile is a TokenRule as people write it.
type tokenFile struct {
	Issuer   string            `yaml:"issuer"`
	Claims   map[string]string `yaml:"claims"`
	Audience string            `yaml:"audience"`
}

// Names resolves names that people use: of agents, and of the things in scopes (see [scope.Parse]).
type Names struct {
	Agent func(name string) (object.AgentID, error)
	Thing func(kind, name string) (object.Hash, error)
}

// ParsePolicyRules reads the rules of an issuance policy from YAML:
//
//	rules:
//	  - name: ci-tools            # unique
//	    to: [ci, self]            # public keys or names; left out: anyone
//	    scope: tool.call:deploy,calls=100   # what a capability must lie within; a kind alone, such as
//	                              # tool.call, is any of the kind, "*" any kind
//	    ttl: 1h                   # longest time to live
//	    limits: {calls: 100}      # optional; largest maxima by resource
//	    delegable: true           # optional; it may be delegable
//	    revocable: true           # optional; it must be revocable
//	    request: true             # optional; those in "to" get it when they ask (mythos cap request)
//	    oidc:                     # optional, instead of "to": who asks and shows such a token gets it
//	      issuer: https://token.actions.githubusercontent.com
//	      claims: {repository: acme/shop, environment: production}
//	      audience: TEXT          # optional; by default the token is bound to server and key
//
// Fields that are unknown, repeated or without a value are refused. Errors name the line of the rule.
func ParsePolicyRules(data []byte, names Names) ([]IssuanceRule, error) {
	if len(data) > MaxPolicySize {
		return nil, fmt.Errorf("issuance rules: larger than %d bytes", MaxPolicySize)
	}
	var file struct {
		Rules []yaml.Node `yaml:"rules"`
	}
	if err := strictyaml.Unmarshal(data, &file); err != nil && !errors.Is(err, strictyaml.ErrEmpty) {
		return nil, fmt.Errorf("issuance rules: %w", err)
	}
	rules := make([]IssuanceRule, len(file.Rules))
	for i := range file.Rules {
		r, err := parseRule(&file.Rules[i], names)
		if err != nil {
			return nil, fmt.Errorf("issuance rules: %w", err)
		}
		if slices.ContainsFunc(rules[:i], func(o IssuanceRule) bool { return o.Name == r.Name }) {
			return nil, fmt.Errorf("issuance rules: line %d: two rules are called %q", file.Rules[i].Line, r.Name)
		}
		rules[i] = r
	}
	return rules, nil
}

func parseRule(n *yaml.Node, names Names) (r IssuanceRule, err error) {
	var f ruleFile
	if err := strictyaml.Decode(n, &f); err != nil {
		return r, err // the error names the line
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("line %d: %w", n.Line, err)
		}
	}()
	r = IssuanceRule{Name: f.Name, Limits: f.Limits, Delegable: f.Delegable, Revocable: f.Revocable}
	if f.TTL == "" {
		return r, fmt.Errorf("rule %q needs ttl, such as 1h", f.Name)
	}
	if r.MaxTTLus, err = units.ParseMicros(f.TTL); err != nil {
		return r, fmt.Errorf("rule %q: ttl: %w", f.Name, err)
	}
	if err := r.parseScope(f.Scope, names); err != nil {
		return r, fmt.Errorf("rule %q: %w", f.Name, err)
	}
	for _, name := range f.To {
		agent, err := names.Agent(name)
		if err != nil {
			return r, fmt.Errorf("rule %q: to: %w", f.Name, err)
		}
		r.Subjects = append(r.Subjects, agent)
	}
	r.parseRequest(&f)
	if err := r.check(); err != nil {
		return r, fmt.Errorf("rule %q: %w", f.Name, err)
	}
	if r.Token != nil {
		if err := r.Token.ofOne(); err != nil {
			return r, fmt.Errorf("rule %q: oidc: %w", f.Name, err)
		}
	}
	return r, nil
}

// parseRequest reads who may ask for the capability.
func (r *IssuanceRule) parseRequest(f *ruleFile) {
	if f.Request {
		r.OnRequest = &f.Request
	}
	if f.OIDC == nil {
		return
	}
	r.Token = &TokenRule{Issuer: f.OIDC.Issuer, Claims: f.OIDC.Claims}
	if f.OIDC.Audience != "" {
		r.Token.Audience = &f.OIDC.Audience
	}
}

// sharedIssuers issue tokens for everybody's projects. For each issuer: the claims that say whose project a token
// belongs to.
var sharedIssuers = map[string][]string{
	"https://token.actions.githubusercontent.com": {"repository", "repository_id", "repository_owner", "repository_owner_id", "sub", "job_workflow_ref"},
	"https://gitlab.com":                          {"project_path", "project_id", "namespace_path", "namespace_id", "sub"},
}

// ofOne refuses a rule that would serve everybody's projects, for example a rule that names only a branch.
func (r *TokenRule) ofOne() error {
	whose, shared := sharedIssuers[strings.TrimSuffix(r.Issuer, "/")]
	if !shared || slices.ContainsFunc(whose, func(name string) bool { return r.Claims[name] != "" }) {
		return nil
	}
	return fmt.Errorf("%s vouches for projects of everybody: claims must name one of %s", r.Issuer, strings.Join(whose, ", "))
}

// parseScope reads "*", a kind alone, or a scope.
func (r *IssuanceRule) parseScope(text string, names Names) error {
	if text == "*" {
		r.Kind = KindAny
		return nil
	}
	if i := slices.Index(scope.KindNames(), text); i >= 0 {
		r.Kind = uint8(i + 1)
		return nil
	}
	if text == "" {
		return fmt.Errorf(`it needs scope: a scope, a kind (%s), or "*"`, strings.Join(scope.KindNames(), ", "))
	}
	scope, err := scope.Parse(text, names.Thing)
	if err != nil {
		return err
	}
	r.Kind, r.Within = scope.Kind, &scope
	return nil
}

// Words describes in plain English what the rule allows.
func (r *IssuanceRule) Words() string {
	to := "anyone"
	if r.Token != nil {
		to = "who asks with a token of " + r.Token.Words()
	} else if r.Subjects != nil {
		list := make([]string, len(r.Subjects))
		for i, s := range r.Subjects {
			list[i] = s.Name()
		}
		to = strings.Join(list, ", ")
	}
	if r.OnRequest != nil && *r.OnRequest {
		to += ", on request,"
	}
	what := scope.KindName(r.Kind)
	switch {
	case r.Kind == KindAny:
		what = "any scope"
	case r.Within != nil:
		what = r.Within.String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s may get %s for up to %s", object.Shown(r.Name), to, what, units.FormatMicros(r.MaxTTLus))
	for _, of := range scope.Resources {
		if n, there := r.Limits[of]; there {
			fmt.Fprintf(&b, ", at most %s", scope.Amount{Of: of, N: n})
		}
	}
	if r.Delegable {
		b.WriteString(", delegable")
	}
	if r.Revocable {
		b.WriteString(", only if revocable")
	}
	return b.String()
}

// Words describes in plain English whose tokens the rule accepts.
func (r *TokenRule) Words() string {
	var b strings.Builder
	b.WriteString(object.Shown(r.Issuer))
	for i, name := range slices.Sorted(maps.Keys(r.Claims)) {
		fmt.Fprintf(&b, "%s %s=%s", []string{" with", ","}[min(i, 1)], object.Shown(name), object.Shown(r.Claims[name]))
	}
	if r.Audience != nil {
		fmt.Fprintf(&b, ", not bound to a key (audience %s),", object.Shown(*r.Audience))
	}
	return b.String()
}
