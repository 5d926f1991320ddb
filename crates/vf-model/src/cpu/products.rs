//! Products of activations with weights, on as many threads as they are worth.

use super::kernels::{Kernels, Output};
use super::matrix::{Activations, Data, Matrix};
use super::pool::Pool;

/// Multiplications from which several threads share a product or the attention of a layer.
const SHARED_WORK: usize = 1 << 19;

/// What computes: kernels and threads.
pub struct Engine {
    pub kernels: Kernels,
    pub pool: Pool,
    /// Multiplications from which a product is worth more than one thread.
    pub shared_work: usize,
}

impl Engine {
    /// The fastest kernels that the processor has; 0 threads: as many as the machine has cores.
    pub fn new(threads: usize) -> Engine {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            given => given,
        };
        Engine {
            kernels: Kernels::best(),
            pool: Pool::new(threads),
            shared_work: SHARED_WORK,
        }
    }

    /// x · matrixᵀ for several matrices.
    pub fn multiply(&self, x: &mut Activations, jobs: &mut [(&Matrix, &mut Vec<f32>)]) {
        if jobs.iter().any(|(m, _)| matches!(m.data, Data::Q8_0 { .. })) {
            self.kernels.quantise(x);
        }
        let x = &*x;
        let outputs: Vec<(&Matrix, Output)> = jobs
            .iter_mut()
            .map(|(matrix, out)| {
                out.resize(x.rows * matrix.rows, 0.0);
                let to = out.as_mut_ptr();
                (*matrix, Output { to })
            })
            .collect();
        let work: usize = outputs.iter().map(|(m, _)| m.rows * m.cols * x.rows).sum();
        if work < self.shared_work || self.pool.threads() == 1 {
            for (matrix, out) in outputs {
                // SAFETY: the output was made long enough, and nobody else has it.
                unsafe { self.kernels.product(matrix, x, 0..matrix.tiles(), out) };
            }
            return;
        }
        // Pieces of some tiles of one matrix; an even number of them, as the kernels like it.
        let tiles: usize = outputs.iter().map(|(m, _)| m.tiles()).sum();
        let size = (tiles / (self.pool.threads() * 4)).next_multiple_of(4).max(4);
        let pieces: Vec<_> = outputs
            .iter()
            .flat_map(|(matrix, out)| {
                let starts = (0..matrix.tiles()).step_by(size);
                starts.map(move |start| (*matrix, start..(start + size).min(matrix.tiles()), *out))
            })
            .collect();
        self.pool.run(pieces.len(), &|index| {
            if let Some((matrix, tiles, out)) = pieces.get(index) {
                // SAFETY: the output was made long enough, and no two pieces have the same tiles of a matrix.
                unsafe { self.kernels.product(matrix, x, tiles.clone(), *out) };
            }
        });
    }
}
