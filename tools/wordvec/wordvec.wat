;; wordvec embeds a text: the rule is in wordvec.go.
;;
;;     0  an iovec: where, how many bytes; at 8 how many were read or written
;;    64  the sums: 256 times i32
;;  2048  the response: 256 times f32
;; 65536  what was read, 64 KiB at a time
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)

  ;; fold adds a byte to an FNV-1a hash.
  (func $fold (param $hash i32) (param $byte i32) (result i32)
    (i32.mul (i32.xor (local.get $hash) (local.get $byte)) (i32.const 16777619)))

  ;; count counts a feature: its hash, mixed, names a sum and the sign it is counted with.
  (func $count (param $hash i32) (local $at i32)
    (local.set $hash (i32.mul (i32.xor (local.get $hash) (i32.shr_u (local.get $hash) (i32.const 16))) (i32.const 0x85ebca6b)))
    (local.set $hash (i32.mul (i32.xor (local.get $hash) (i32.shr_u (local.get $hash) (i32.const 13))) (i32.const 0xc2b2ae35)))
    (local.set $hash (i32.xor (local.get $hash) (i32.shr_u (local.get $hash) (i32.const 16))))
    (local.set $at (i32.shl (i32.and (local.get $hash) (i32.const 255)) (i32.const 2)))
    (i32.store offset=64 (local.get $at)
      (i32.add (i32.load offset=64 (local.get $at))
        (i32.sub (i32.const 1) (i32.and (i32.shr_u (local.get $hash) (i32.const 7)) (i32.const 2))))))

  ;; three counts three bytes that follow one another.
  (func $three (param $a i32) (param $b i32) (param $c i32)
    (call $count (call $fold (call $fold (call $fold (i32.const 0x9747b28c) (local.get $a)) (local.get $b)) (local.get $c))))

  ;; letter is a byte of a word, as a small letter; 0 for what lies between words.
  (func $letter (param $byte i32) (result i32)
    (if (i32.lt_u (i32.sub (local.get $byte) (i32.const 65)) (i32.const 26))
      (then (return (i32.add (local.get $byte) (i32.const 32)))))
    (if (i32.or (i32.or (i32.lt_u (i32.sub (local.get $byte) (i32.const 97)) (i32.const 26))
                        (i32.lt_u (i32.sub (local.get $byte) (i32.const 48)) (i32.const 10)))
                (i32.or (i32.eq (local.get $byte) (i32.const 95))
                        (i32.ge_u (local.get $byte) (i32.const 128))))
      (then (return (local.get $byte))))
    (i32.const 0))

  ;; try ends with status 1 where a call of WASI did not succeed.
  (func $try (param $errno i32)
    (if (local.get $errno) (then (call $proc_exit (i32.const 1)))))

  ;; read counts the features of standard input.
  (func $read (local $at i32) (local $end i32) (local $hash i32) (local $before i32) (local $last i32) (local $c i32)
    (local.set $hash (i32.const 0x811c9dc5))
    (block $done
      (loop $more
        (i32.store (i32.const 0) (i32.const 65536))
        (i32.store (i32.const 4) (i32.const 65536))
        (call $try (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (local.set $end (i32.add (i32.const 65536) (i32.load (i32.const 8))))
        (br_if $done (i32.eq (local.get $end) (i32.const 65536)))
        (local.set $at (i32.const 65536))
        (loop $byte
          (local.set $c (call $letter (i32.load8_u (local.get $at))))
          (if (local.get $c)
            (then
              (if (local.get $last)
                (then (call $three (local.get $before) (local.get $last) (local.get $c)))
                (else (local.set $last (i32.const 32))))
              (local.set $hash (call $fold (local.get $hash) (local.get $c)))
              (local.set $before (local.get $last))
              (local.set $last (local.get $c)))
            (else
              (if (local.get $last)
                (then
                  (call $three (local.get $before) (local.get $last) (i32.const 32))
                  (call $count (local.get $hash))
                  (local.set $hash (i32.const 0x811c9dc5))
                  (local.set $last (i32.const 0))))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br_if $byte (i32.lt_u (local.get $at) (local.get $end))))
        (br $more)))
    (if (local.get $last)
      (then
        (call $three (local.get $before) (local.get $last) (i32.const 32))
        (call $count (local.get $hash)))))

  ;; size is the sum without its sign.
  (func $size (param $sum i32) (result i32)
    (select (i32.sub (i32.const 0) (local.get $sum)) (local.get $sum) (i32.lt_s (local.get $sum) (i32.const 0))))

  ;; weigh makes the response of the sums.
  (func $weigh (local $at i32) (local $sum i32) (local $all i64)
    (loop $add
      (local.set $all (i64.add (local.get $all) (i64.extend_i32_u (call $size (i32.load offset=64 (local.get $at))))))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $add (i32.lt_u (local.get $at) (i32.const 1024))))
    (if (i64.eqz (local.get $all)) (then (return)))
    (local.set $at (i32.const 0))
    (loop $part
      (local.set $sum (i32.load offset=64 (local.get $at)))
      (f32.store offset=2048 (local.get $at)
        (f32.demote_f64 (f64.copysign
          (f64.sqrt (f64.div (f64.convert_i32_u (call $size (local.get $sum))) (f64.convert_i64_s (local.get $all))))
          (f64.convert_i32_s (local.get $sum)))))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $part (i32.lt_u (local.get $at) (i32.const 1024)))))

  (func (export "_start") (local $at i32)
    (call $read)
    (call $weigh)
    (local.set $at (i32.const 2048))
    (loop $write
      (i32.store (i32.const 0) (local.get $at))
      (i32.store (i32.const 4) (i32.sub (i32.const 3072) (local.get $at)))
      (call $try (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (local.set $at (i32.add (local.get $at) (i32.load (i32.const 8))))
      (br_if $write (i32.lt_u (local.get $at) (i32.const 3072))))))
