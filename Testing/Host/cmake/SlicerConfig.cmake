# SPDX-License-Identifier: Apache-2.0
# Stands for the SlicerConfig.cmake of a Slicer build tree:
#
#   cmake -S <extension> -B <build> -DSlicer_DIR=<this folder> -DPython3_EXECUTABLE=<python with the test packages>
#
# Afterwards `cmake --build`, `ctest`, `cmake --install` and `cpack` do to the extension what Slicer's own files do.

set(Slicer_VERSION_MAJOR 5)
set(Slicer_VERSION_MINOR 13)
set(Slicer_VERSION_PATCH 0)
set(Slicer_VERSION "5.13.0")
set(Slicer_REVISION "00000")
set(Slicer_USE_PYTHONQT ON)
set(Slicer_OS linux)
set(Slicer_ARCHITECTURE amd64)
set(Slicer_QTSCRIPTEDMODULES_LIB_DIR "lib/Slicer-5.13/qt-scripted-modules")
set(Slicer_SHARE_DIR "share/Slicer-5.13")

set(Slicer_CMAKE_DIR "${CMAKE_CURRENT_LIST_DIR}")
set(Slicer_USE_FILE "${Slicer_CMAKE_DIR}/UseSlicer.cmake")
set(Slicer_EXTENSION_GENERATE_CONFIG "${Slicer_CMAKE_DIR}/SlicerExtensionGenerateConfig.cmake")
set(Slicer_EXTENSION_CPACK "${Slicer_CMAKE_DIR}/SlicerExtensionCPack.cmake")

set(Python3_FIND_VIRTUALENV FIRST)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# The launcher runs the host with the interpreter found above
get_filename_component(Slicer_HOST_DIR "${Slicer_CMAKE_DIR}" DIRECTORY)
set(Slicer_LAUNCHER_EXECUTABLE "${CMAKE_BINARY_DIR}/Slicer")
configure_file("${Slicer_CMAKE_DIR}/Slicer.in" "${Slicer_LAUNCHER_EXECUTABLE}" @ONLY
  FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
