// Package config reads the settings of mythos: flags over MYTHOS_* variables over .mythos/config.yaml over the user's
// config. No other package imports viper.
//
// A setting may protect something, so nothing is guessed: an unknown name, a value of the wrong type or out of range, a
// repeated name and an unknown variable MYTHOS_* are refused with their place.
package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/spf13/viper"
)

// Config has all settings. The tags of a field define the setting: its name in config.yaml (the variable is MYTHOS_ and
// the name in capitals), its default, the rule for its value (a key of rules), and its description in docs/settings.md.
type Config struct {
	Lease   time.Duration `name:"lease" default:"1m" rule:"positive" help:"how long the owner of an effect has before others can take over"`
	Timeout time.Duration `name:"timeout" default:"5m" rule:"positive" help:"time limit of one tool call, if the tool sets none"`
	Busy    time.Duration `name:"busy" default:"10s" help:"how long to wait for a database that another process holds"`
	Capture bool          `name:"capture" default:"false" help:"keep the request bytes of effects, for datasets and replay"`
	Listen  string        `name:"listen" default:"127.0.0.1:7480" rule:"address" help:"address of mythos serve"`

	PeerRate  float64 `name:"peer_rate" default:"50" rule:"rate" help:"requests per second that mythos serve accepts from one peer; bursts of ten times as many pass"`
	PeerBytes string  `name:"peer_bytes" default:"0" rule:"bytes" help:"bytes per second that one peer may send, and receive, such as 10MiB; 0 is no limit, 64KiB the minimum"`
	PeerTasks int     `name:"peer_tasks" default:"16" rule:"count" help:"tasks of one agent that may wait or run"`
	PeerCap   bool    `name:"peer_cap" default:"false" help:"mythos serve requires capabilities even from agents trusted for packets"`

	ApprovalExpire time.Duration `name:"approval_expire" default:"15m" rule:"positive" help:"how long a call waits for people to agree to it; after that, it must be asked for again"`
	ApprovalWait   time.Duration `name:"approval_wait" default:"45s" rule:"positive" help:"how long a call through MCP waits for people before its client is told: less than the client's own limit, usually a minute"`

	ApprovalWebhook        string `name:"approval_webhook" default:"" help:"the URL to notify of calls that wait for approval, by Standard Webhooks; https, or http at a loopback address"`
	ApprovalWebhookRequest bool   `name:"approval_webhook_request" default:"false" help:"send the request's bytes, too"`
	ApprovalWebhookSecret  string `name:"approval_webhook_secret" default:"" secret:"yes" help:"the secret that signs webhooks: whsec_ and base64, or the path of a file with it, relative to the .mythos folder"`

	At string `name:"at" default:"" help:"the server whose ledger records effects of tools, as with --at of mythos call, once and run: a URL, or the name of a peer; calls of agents are recorded here"`

	Redact     string `name:"redact" default:"" help:"a file of redaction rules for every dataset that leaves, relative to the .mythos folder"`
	RequireCap bool   `name:"require_cap" default:"false" help:"even the owner needs a capability to build and export datasets, to import models and to write to cells"`

	Lineage    string `name:"lineage" default:"" rule:"sink" of:"user" help:"where OpenLineage events of builds, trainings and promotions go: a file to append to, or a URL; only in the user's settings or as a variable"`
	LineageKey string `name:"lineage_key" default:"" secret:"yes" of:"user" help:"a bearer token for that URL; only in the user's settings or as a variable"`

	SafeDirectories string `name:"safe_directories" default:"" of:"user" help:"folders whose repository is used although another user owns it, separated by colons; only in the user's settings or as a variable"`

	Key string `name:"key" default:"" secret:"yes" help:"the identity instead of the repository's own: the name of a key of the repository, a seed of 64 hex digits, or the path of a key file; for CI, as MYTHOS_KEY"`

	// Notes say which files could not be read and were treated as missing.
	Notes []string
}

// File is the name of the settings file inside a repository.
const File = "config.yaml"

// ErrSetting means that a setting, or its file, is not valid.
var ErrSetting = errors.New("settings")

// Load reads the settings for the repository at dir (its .mythos folder), or without a repository if dir is empty. An
// invalid setting wraps ErrSetting and names the file and the line, or the variable; no error contains the value of a
// secret setting.
func Load(dir string) (*Config, error) {
	v := viper.New()
	for _, s := range settings {
		value, err := s.parse(s.Default)
		if err != nil {
			return nil, err
		}
		v.SetDefault(s.Name, value)
	}
	c := &Config{}
	if user, err := os.UserConfigDir(); err == nil {
		if err := c.merge(v, filepath.Join(user, "mythos", File), true); err != nil {
			return nil, err
		}
	}
	if dir != "" {
		if err := c.merge(v, filepath.Join(dir, File), false); err != nil {
			return nil, err
		}
	}
	variables, err := environment(os.Environ())
	if err != nil {
		return nil, err
	}
	for name, value := range variables {
		v.Set(name, value)
	}
	for _, s := range settings {
		reflect.ValueOf(c).Elem().Field(s.field).Set(reflect.ValueOf(v.Get(s.Name)))
	}
	return c, nil
}

// merge adds the settings of a file. The user's own file may be out of reach, for example for an account without a
// home; it then counts as missing, and the notes say so.
func (c *Config) merge(v *viper.Viper, path string, user bool) error {
	values, err := readFile(path)
	if user && outOfReach(err) {
		c.Notes = append(c.Notes, "no settings of the user: "+err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	for name := range values {
		if s, known := lookup(name); known && s.User && !user {
			return fmt.Errorf("%w: %s: %s is read only from the user's own settings", ErrSetting, path, name)
		}
	}
	return v.MergeConfigMap(values)
}
