//! The CUDA devices of this machine, as far as this program was built to see them.

use crate::error::ModelError;

/// A CUDA device. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CudaDevice {
    /// Its number, from 0; what [`crate::Processor::Cuda`] takes.
    pub ordinal: usize,
    pub name: String,
    pub memory: u64,
    pub free: u64,
}

/// The CUDA devices; none in a program that was built without the feature `cuda`.
///
/// An error means that there is a driver which does not work, and says what it said.
#[cfg(not(feature = "cuda"))]
pub fn cuda() -> Result<Vec<CudaDevice>, ModelError> {
    Ok(Vec::new())
}

/// The CUDA devices; none in a program that was built without the feature `cuda`.
///
/// An error means that there is a driver which does not work, and says what it said.
#[cfg(feature = "cuda")]
pub fn cuda() -> Result<Vec<CudaDevice>, ModelError> {
    use candle_core::cuda_backend::cudarc::driver::CudaContext;

    let failed = |ordinal: usize| {
        move |error: candle_core::cuda_backend::cudarc::driver::DriverError| ModelError::CudaUnavailable {
            ordinal,
            source: Box::new(candle_core::Error::wrap(error)),
        }
    };
    let count = CudaContext::device_count().map_err(failed(0))?;
    (0..usize::try_from(count).unwrap_or(0))
        .map(|ordinal| {
            let context = CudaContext::new(ordinal).map_err(failed(ordinal))?;
            let (free, memory) = context.mem_get_info().map_err(failed(ordinal))?;
            Ok(CudaDevice {
                ordinal,
                name: context.name().map_err(failed(ordinal))?,
                memory: memory as u64,
                free: free as u64,
            })
        })
        .collect()
}
