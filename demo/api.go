package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"time"
)

// apiClient uses the site as a member's script does.
type apiClient struct {
	site, token string
}

// uploaded is what the site answers to an upload.
type uploaded struct {
	TorrentID int64  `json:"torrent_id"`
	URL       string `json:"url"`
}

func (a apiClient) upload(ctx context.Context, fields map[string]string, torrent []byte) (uploaded, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for k, v := range fields {
		if err := form.WriteField(k, v); err != nil {
			return uploaded{}, err
		}
	}
	part, err := form.CreateFormFile("torrent", "dataset.torrent")
	if err != nil {
		return uploaded{}, err
	}
	if _, err := part.Write(torrent); err != nil {
		return uploaded{}, err
	}
	if err := form.Close(); err != nil {
		return uploaded{}, err
	}
	raw, err := a.do(ctx, http.MethodPost, "/api/v1/torrents", &body, form.FormDataContentType())
	if err != nil {
		return uploaded{}, err
	}
	var out uploaded
	return out, json.Unmarshal(raw, &out)
}

func (a apiClient) download(ctx context.Context, id int64) ([]byte, error) {
	return a.do(ctx, http.MethodGet, fmt.Sprintf("/api/v1/torrents/%d/download", id), nil, "")
}

func (a apiClient) do(ctx context.Context, method, path string, body io.Reader, contentType string) (out []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, a.site+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := res.Body.Close(); err == nil {
			err = cerr
		}
	}()
	out, err = io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("the site answers %s: %s", res.Status, out)
	}
	return out, err
}
