// The bucket's keys in order, and ListObjectsV2.
package main

import (
	"encoding/base64"
	"sort"
	"strconv"
	"strings"
)

const maxPage = 1_000

// catalogue holds keys in byte order. New ones are put in place when somebody looks, since runs write much and look once.
type catalogue struct{ sorted, fresh []string }

func (c *catalogue) add(key string) { c.fresh = append(c.fresh, key) }

func (c *catalogue) keys() []string {
	if len(c.fresh) == 0 {
		return c.sorted
	}
	sort.Strings(c.fresh)
	merged := make([]string, 0, len(c.sorted)+len(c.fresh))
	old := c.sorted
	for _, key := range c.fresh {
		at := sort.SearchStrings(old, key)
		merged = append(append(merged, old[:at]...), key)
		old = old[at:]
	}
	c.sorted, c.fresh = append(merged, old...), nil
	return c.sorted
}

var xmlText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

func (s *sink) list(bucket string, asked *request) response {
	parameters := asked.parameters()
	if parameters.Get("list-type") != "2" {
		return refusal(501, "NotImplemented")
	}
	prefix, after, limit := parameters.Get("prefix"), parameters.Get("start-after"), maxPage
	delimiter := parameters.Get("delimiter")
	if token := parameters.Get("continuation-token"); token != "" {
		decoded, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return refusal(400, "InvalidArgument")
		}
		after = string(decoded)
	}
	if wanted, err := strconv.Atoi(parameters.Get("max-keys")); err == nil {
		limit = min(limit, wanted)
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	keys := s.listed.keys()
	start := sort.Search(len(keys), func(index int) bool { return keys[index] > after && keys[index] >= prefix })
	var contents, folders []byte
	last, count, isTruncated := "", 0, false
	for _, key := range keys[start:] {
		if !strings.HasPrefix(key, prefix) {
			break
		}
		folder := folderOf(key, prefix, delimiter)
		if folder != "" && strings.HasPrefix(after, folder) || folder != "" && folder == last {
			continue
		}
		if count == limit {
			isTruncated = true
			break
		}
		count++
		if folder != "" {
			last = folder
			folders = append(folders, "<CommonPrefixes><Prefix>"+xmlText.Replace(folder)+"</Prefix></CommonPrefixes>"...)
			continue
		}
		last = key
		contents = s.appendEntry(contents, key)
	}
	out := append([]byte(nil), `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+`<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>`...)
	out = append(out, bucket+"</Name><Prefix>"+xmlText.Replace(prefix)+"</Prefix><MaxKeys>"...)
	out = append(strconv.AppendInt(out, int64(limit), 10), "</MaxKeys><KeyCount>"...)
	out = append(strconv.AppendInt(out, int64(count), 10), "</KeyCount><IsTruncated>"...)
	out = append(strconv.AppendBool(out, isTruncated), "</IsTruncated>"...)
	if isTruncated {
		out = append(out, "<NextContinuationToken>"+base64.RawURLEncoding.EncodeToString([]byte(last))+"</NextContinuationToken>"...)
	}
	out = append(append(append(out, contents...), folders...), "</ListBucketResult>"...)
	return response{status: 200, fields: []field{{"Content-Type", "application/xml"}}, body: out}
}

// folderOf gives the common prefix that stands for a key, or nothing where the key stands for itself.
func folderOf(key, prefix, delimiter string) string {
	if delimiter == "" {
		return ""
	}
	at := strings.Index(key[len(prefix):], delimiter)
	if at < 0 {
		return ""
	}
	return key[:len(prefix)+at+len(delimiter)]
}

func (s *sink) appendEntry(out []byte, key string) []byte {
	there := s.objects[key]
	out = append(out, "<Contents><Key>"+xmlText.Replace(key)+"</Key><LastModified>"...)
	out = there.modified.UTC().AppendFormat(out, "2006-01-02T15:04:05.000Z")
	out = append(out, "</LastModified><ETag>&quot;"+strings.Trim(there.etag, `"`)+"&quot;</ETag><Size>"...)
	out = strconv.AppendInt(out, int64(len(there.bytes)), 10)
	return append(out, "</Size><StorageClass>STANDARD</StorageClass></Contents>"...)
}
