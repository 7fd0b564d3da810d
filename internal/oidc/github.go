package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// The variables of a GitHub job that has the permission id-token: write.
const (
	GitHubURL   = "ACTIONS_ID_TOKEN_REQUEST_URL"
	GitHubToken = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

// ErrNoGitHub means that this is not a GitHub Actions job that may ask for a token.
var ErrNoGitHub = errors.New("GitHub gives this job no identity token: " + GitHubURL + " and " + GitHubToken + " are not set")

// FromGitHub asks GitHub Actions for a token of this job for an audience.
func FromGitHub(ctx context.Context, env func(string) string, audience string) (string, error) {
	if env(GitHubURL) == "" || env(GitHubToken) == "" {
		return "", ErrNoGitHub
	}
	u, err := url.Parse(env(GitHubURL))
	if err != nil {
		return "", fmt.Errorf("%s: %w", GitHubURL, err)
	}
	query := u.Query()
	query.Set("audience", audience)
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+env(GitHubToken))
	r.Header.Set("Accept", "application/json")
	res, err := newClient().Do(r)
	if err != nil {
		return "", fmt.Errorf("ask GitHub for a token: %w", err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return "", fmt.Errorf("ask GitHub for a token: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("ask GitHub for a token: it answers %s", res.Status)
	}
	var answer struct {
		Value string `json:"value"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil || answer.Value == "" {
		return "", errors.New("ask GitHub for a token: its answer has none")
	}
	return answer.Value, nil
}
