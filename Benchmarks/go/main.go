// What a Go engineer would write, as a contender of Benchmarks/compare: net/http over hashicorp/raft with its bolt
// store, synced, and all settings at their defaults. PUT /kv/KEY answers once the entry is applied. GET /kv/KEY is
// linearizable by VerifyLeader, and with ?consistency=local it is what the node that is asked has. A node that does
// not lead refuses the rest with 503, and sends nobody on.
package main

import (
	"encoding/binary"
	"encoding/gob"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb"
)

// Set by who builds it: the version of hashicorp/raft, which a build without modules does not know.
var libraries = "hashicorp/raft"

// The state that raft replicates.
type store struct {
	mutex  sync.RWMutex
	values map[string][]byte
}

func (s *store) get(key string) ([]byte, bool) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	value, found := s.values[key]
	return value, found
}

// A command is the length of the key, the key, and the value.
func command(key string, value []byte) []byte {
	return append(append(binary.AppendUvarint(nil, uint64(len(key))), key...), value...)
}

func (s *store) Apply(entry *raft.Log) interface{} {
	length, start := binary.Uvarint(entry.Data)
	end := start + int(length)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.values[string(entry.Data[start:end])] = entry.Data[end:]
	return nil
}

// The copy that is written while entries go on to be applied.
type snapshot map[string][]byte

func (s *store) Snapshot() (raft.FSMSnapshot, error) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	copied := make(snapshot, len(s.values))
	for key, value := range s.values {
		copied[key] = value
	}
	return copied, nil
}

func (s snapshot) Persist(sink raft.SnapshotSink) error {
	if err := gob.NewEncoder(sink).Encode(map[string][]byte(s)); err != nil {
		sink.Cancel()
		return err
	}
	return sink.Close()
}

func (s snapshot) Release() {}

func (s *store) Restore(reader io.ReadCloser) error {
	defer reader.Close()
	values := map[string][]byte{}
	if err := gob.NewDecoder(reader).Decode(&values); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.values = values
	return nil
}

type node struct {
	*store
	raft *raft.Raft
	// It leads, and has applied all that earlier leaders acknowledged: without that VerifyLeader promises nothing.
	leads atomic.Bool
}

// Raft waits for each of these to be taken, so `leads` is never that of an earlier term. The limit is for a barrier
// that nobody takes, since the term is over.
func (n *node) follow(changes <-chan bool) {
	for elected := range changes {
		n.leads.Store(false)
		n.leads.Store(elected && n.raft.Barrier(time.Second).Error() == nil)
	}
}

func (n *node) keys(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/kv/")
	switch r.Method {
	case http.MethodPut:
		value, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		} else if err := n.raft.Apply(command(key, value), 5*time.Second).Error(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		} else {
			w.WriteHeader(http.StatusNoContent)
		}
	case http.MethodGet:
		if r.URL.RawQuery != "consistency=local" {
			if err := n.raft.VerifyLeader().Error(); err != nil || !n.leads.Load() {
				http.Error(w, "not the leader", http.StatusServiceUnavailable)
				return
			}
		}
		if value, found := n.get(key); found {
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Write(value)
		} else {
			http.NotFound(w, r)
		}
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (n *node) status(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, `{"leads":%t,"leader":%q,"applied":%d}`, n.leads.Load(), n.raft.Leader(), n.raft.AppliedIndex())
}

func started(address, data string, peers []string) (*node, error) {
	config := raft.DefaultConfig()
	config.LocalID = raft.ServerID(address)
	config.LogLevel = "ERROR"
	changes := make(chan bool)
	config.NotifyCh = changes

	disk, err := raftboltdb.NewBoltStore(filepath.Join(data, "raft.db"))
	if err != nil {
		return nil, err
	}
	// As Consul does: what was written last is sent to the peers without reading it back.
	cached, err := raft.NewLogCache(512, disk)
	if err != nil {
		return nil, err
	}
	snapshots, err := raft.NewFileSnapshotStore(data, 2, os.Stderr)
	if err != nil {
		return nil, err
	}
	transport, err := raft.NewTCPTransport(address, nil, 3, 10*time.Second, os.Stderr)
	if err != nil {
		return nil, err
	}
	known, err := raft.HasExistingState(cached, disk, snapshots)
	if err != nil {
		return nil, err
	}
	if !known {
		var members raft.Configuration
		for _, peer := range peers {
			members.Servers = append(members.Servers,
				raft.Server{ID: raft.ServerID(peer), Address: raft.ServerAddress(peer)})
		}
		if err := raft.BootstrapCluster(config, cached, disk, snapshots, transport, members); err != nil {
			return nil, err
		}
	}
	n := &node{store: &store{values: map[string][]byte{}}}
	n.raft, err = raft.NewRaft(config, n.store, cached, disk, snapshots, transport)
	if err != nil {
		return nil, err
	}
	go n.follow(changes)
	return n, nil
}

func main() {
	listen := flag.String("listen", "", "address for clients")
	address := flag.String("raft", "", "address for the other nodes")
	peers := flag.String("peers", "", "these addresses of all nodes, with commas")
	data := flag.String("data", "", "folder, which is made")
	version := flag.Bool("version", false, "say what this is made of")
	flag.Parse()
	if *version {
		fmt.Println(libraries, runtime.Version())
		return
	}
	if err := os.MkdirAll(*data, 0o755); err != nil {
		log.Fatal(err)
	}
	n, err := started(*address, *data, strings.Split(*peers, ","))
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/kv/", n.keys)
	http.HandleFunc("/status", n.status)
	log.Fatal(http.ListenAndServe(*listen, nil))
}
