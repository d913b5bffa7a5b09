package main

import (
	_ "github.com/BurntSushi/toml"
	_ "github.com/PuerkitoBio/goquery"
	_ "github.com/alecthomas/kong"
	_ "github.com/anacrolix/torrent"
	_ "github.com/anacrolix/torrent/bencode"
	_ "github.com/anacrolix/torrent/metainfo"
	_ "github.com/anacrolix/torrent/storage"
	_ "github.com/chromedp/chromedp"
	_ "github.com/ergochat/irc-go/ircmsg"
	_ "github.com/ergochat/irc-go/ircreader"
	_ "github.com/ergochat/irc-go/ircutils"
	_ "github.com/ergochat/irc-go/ircfmt"
	_ "github.com/gin-gonic/gin"
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/lrstanley/girc"
	_ "github.com/microcosm-cc/bluemonday"
	_ "github.com/pressly/goose/v3"
	_ "github.com/prometheus/client_golang/prometheus"
	_ "github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/robfig/cron/v3"
	_ "github.com/soniakeys/meeus/v3/solstice"
	_ "github.com/yuin/goldmark"
	_ "golang.org/x/crypto/argon2"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/time/rate"
	_ "golang.org/x/text/unicode/norm"
	_ "modernc.org/sqlite"
)

func main() {}
