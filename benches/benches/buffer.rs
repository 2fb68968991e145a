//! The score buffer: a training step's push and quantiles, a new direction, and what a producer waits.
//!
//! `cargo bench -p vgrout-bench --bench buffer` runs all; the latency table alone: `... -- latency`.
#![allow(
    missing_docs,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vgrout_buffer::{Bf16, Element, Options, ScoreBuffer};

/// Uniform in [-0.5, 0.5), the same on every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    }

    fn rows<E: Element>(&mut self, count: usize) -> Vec<E> {
        (0..count).map(|_| E::narrow(self.next())).collect()
    }
}

/// A full buffer with a direction.
fn filled<E: Element>(options: Options, noise: &mut Noise) -> ScoreBuffer<E> {
    let buffer = ScoreBuffer::new(options).expect("valid options");
    buffer
        .set_direction(&noise.rows::<f32>(options.dim))
        .expect("finite");
    let mut left = options.capacity;
    while left > 0 {
        let count = left.min(1024);
        buffer
            .push(&noise.rows::<E>(count * options.dim))
            .expect("finite");
        left -= count;
    }
    buffer
}

fn step(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("push_32_and_two_quantiles");
    for capacity in [8192, 1_000_000] {
        for half_life in [None, Some(capacity as f64 / 4.0)] {
            let mut noise = Noise(7);
            let options = Options {
                half_life,
                ..Options::new(capacity, 1)
            };
            let buffer = filled::<f32>(options, &mut noise);
            let name = if half_life.is_some() {
                "weighted"
            } else {
                "unweighted"
            };
            group.bench_function(BenchmarkId::new(name, capacity), |bencher| {
                bencher.iter_batched_ref(
                    || noise.rows::<f32>(32),
                    |rows| {
                        black_box(buffer.push(rows).expect("finite"));
                        black_box(buffer.thresholds(0.1).expect("rows"))
                    },
                    criterion::BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

fn rescore(criterion: &mut Criterion) {
    let (rows, dim) = (8192, 8064);
    let mut group = criterion.benchmark_group("rescore_8192x8064");
    group.sample_size(20);
    let mut noise = Noise(3);
    let direction = noise.rows::<f32>(dim);
    let plain = noise.rows::<f32>(rows * dim);
    group.throughput(Throughput::Bytes((plain.len() * size_of::<f32>()) as u64));
    group.bench_function("memory_pass_f32_1_thread", |bencher| {
        // The cheapest use of every byte: independent integer sums.
        bencher.iter(|| {
            let mut lanes = [0u32; 32];
            let (blocks, _) = black_box(&plain[..]).as_chunks::<32>();
            for block in blocks {
                for (lane, value) in lanes.iter_mut().zip(block) {
                    *lane = lane.wrapping_add(value.to_bits());
                }
            }
            lanes
        });
    });
    for threads in [Some(1), None] {
        let options = Options {
            threads,
            ..Options::new(rows, dim)
        };
        let name = if threads.is_some() {
            "1_thread"
        } else {
            "all_threads"
        };
        let buffer = filled::<f32>(options, &mut noise);
        group.throughput(Throughput::Bytes((rows * dim * size_of::<f32>()) as u64));
        group.bench_function(BenchmarkId::new("float32", name), |bencher| {
            bencher.iter(|| buffer.set_direction(black_box(&direction)));
        });
        drop(buffer);
        let buffer = filled::<Bf16>(options, &mut noise);
        group.throughput(Throughput::Bytes((rows * dim * size_of::<Bf16>()) as u64));
        group.bench_function(BenchmarkId::new("bfloat16", name), |bencher| {
            bencher.iter(|| buffer.set_direction(black_box(&direction)));
        });
    }
    group.finish();
}

/// How rows may enter from several threads.
trait Ingress: Sync {
    fn push(&self, row: f32);
    fn read(&self) -> (f64, f64);
}

impl Ingress for ScoreBuffer<f32> {
    fn push(&self, row: f32) {
        self.push_into(&[row], &mut [0.0]).expect("finite");
    }
    fn read(&self) -> (f64, f64) {
        self.thresholds(0.1).expect("rows")
    }
}

/// A lock around everything: a push does the window's work under it.
struct OneLock(Mutex<ScoreBuffer<f32>>);

impl Ingress for OneLock {
    fn push(&self, row: f32) {
        let buffer = self.0.lock().expect("no panic");
        buffer.push_into(&[row], &mut [0.0]).expect("finite");
        black_box(buffer.len()); // moves the row into the window
    }
    fn read(&self) -> (f64, f64) {
        self.0
            .lock()
            .expect("no panic")
            .thresholds(0.1)
            .expect("rows")
    }
}

/// A list of rows behind a lock, which the reader (or whoever finds 512 in it) moves into the window.
struct LockedList {
    list: Mutex<Vec<f32>>,
    buffer: Mutex<ScoreBuffer<f32>>,
}

impl LockedList {
    fn drain(&self) {
        let buffer = self.buffer.lock().expect("no panic");
        let rows = std::mem::take(&mut *self.list.lock().expect("no panic"));
        buffer.push(&rows).expect("finite");
        black_box(buffer.len());
    }
}

impl Ingress for LockedList {
    fn push(&self, row: f32) {
        // The score is taken before the lock, as in the ring.
        black_box(vgrout_buffer::score(&[row], &[1.0]));
        let mut list = self.list.lock().expect("no panic");
        list.push(row);
        let full = list.len() >= 512;
        drop(list);
        if full {
            self.drain();
        }
    }
    fn read(&self) -> (f64, f64) {
        self.drain();
        self.buffer
            .lock()
            .expect("no panic")
            .thresholds(0.1)
            .expect("rows")
    }
}

/// Four producers push single rows, `pause` apart, while a reader asks for thresholds every millisecond.
fn measure(name: &str, pause: Duration, ingress: &dyn Ingress) {
    const PRODUCERS: usize = 4;
    const PUSHES: usize = 100_000;
    let (start, done) = (Barrier::new(PRODUCERS + 1), AtomicBool::new(false));
    let mut waits: Vec<u32> = Vec::new();
    let mut wall = Duration::ZERO;
    std::thread::scope(|scope| {
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let start = &start;
                scope.spawn(move || {
                    let mut noise = Noise(producer as u64);
                    let mut waits = Vec::with_capacity(PUSHES);
                    start.wait();
                    for _ in 0..PUSHES {
                        let row = noise.next();
                        let began = Instant::now();
                        ingress.push(row);
                        waits.push(u32::try_from(began.elapsed().as_nanos()).unwrap_or(u32::MAX));
                        let resume = Instant::now() + pause;
                        while Instant::now() < resume {
                            std::hint::spin_loop();
                        }
                    }
                    waits
                })
            })
            .collect();
        let done = &done;
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                black_box(ingress.read());
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        start.wait();
        let began = Instant::now();
        for producer in producers {
            waits.extend(producer.join().expect("no panic"));
        }
        wall = began.elapsed();
        done.store(true, Ordering::Relaxed);
    });
    waits.sort_unstable();
    let at = |q: f64| waits[((waits.len() - 1) as f64 * q).round() as usize];
    println!(
        "{name:<28} p50 {:>6} ns  p99 {:>7} ns  p99.9 {:>9} ns  max {:>10} ns  {:>6.2} M pushes/s",
        at(0.5),
        at(0.99),
        at(0.999),
        waits[waits.len() - 1],
        waits.len() as f64 / wall.as_secs_f64() / 1e6,
    );
}

/// One thread's push of 32 rows and two quantiles, call by call: the mean hides what other jobs on the machine cost.
fn measure_step(capacity: usize, half_life: Option<f64>) {
    let mut noise = Noise(11);
    let buffer = filled::<f32>(
        Options {
            half_life,
            ..Options::new(capacity, 1)
        },
        &mut noise,
    );
    let mut times = Vec::new();
    for _ in 0..10_000 {
        let rows = noise.rows::<f32>(32);
        let began = Instant::now();
        black_box(buffer.push(&rows).expect("finite"));
        black_box(buffer.thresholds(0.1).expect("rows"));
        times.push(began.elapsed().as_nanos() as f64 / 1e3);
    }
    times.sort_by(f64::total_cmp);
    let [median, p90, p99] = [5_000, 9_000, 9_900].map(|rank| times[rank]);
    let rule = if half_life.is_some() {
        "weighted"
    } else {
        "unweighted"
    };
    println!(
        "{capacity:>8} rows, {rule:<10}  median {median:>6.1} us  p90 {p90:>6.1} us  p99 {p99:>6.1} us"
    );
}

fn latency(_: &mut Criterion) {
    let wanted = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    if wanted.is_some_and(|wanted| !"latency".contains(&wanted)) || cfg!(debug_assertions) {
        return;
    }
    println!("push 32 and two quantiles, one thread:");
    for capacity in [8192, 1_000_000] {
        measure_step(capacity, None);
        measure_step(capacity, Some(capacity as f64 / 4.0));
    }
    let options = Options::new(8192, 1);
    let fresh = || filled::<f32>(options, &mut Noise(5));
    for (load, pause) in [
        ("saturated", Duration::ZERO),
        ("2 us apart", Duration::from_micros(2)),
    ] {
        println!("producer latency, 4 threads, one row a push, {load}:");
        measure("lock-free ring", pause, &fresh());
        measure(
            "locked list",
            pause,
            &LockedList {
                list: Mutex::default(),
                buffer: Mutex::new(fresh()),
            },
        );
        measure("one lock", pause, &OneLock(Mutex::new(fresh())));
    }
}

criterion_group!(benches, step, rescore, latency);
criterion_main!(benches);
